"""Conversions between servo ticks, radians (the wire) and LeRobot's units (datasets).

LeRobot's normalisation, restated from its released code: one turn has 4096 ticks but the scale is
360 degrees to 4095; zero of an arm joint is the middle of its calibrated range. In `degrees` the
drive mode is ignored and nothing is clamped; in `range_m100_100` values are clamped to the
calibrated range and a drive mode of 1 reverses the sign. The gripper is always 0 (closed) to
100 (open) and lies on the wire linearly between the URDF's gripper limits.

Unlike LeRobot, which truncates, ticks are rounded: the result is within one tick and unbiased.
Every function takes one joint name with values of any shape, or several names with values of
shape (..., number of names).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from so101_driver.arm.calibration import Calibration
from so101_driver.arm.joints import GRIPPER, GRIPPER_CLOSED_RAD, GRIPPER_OPEN_RAD, FloatArray
from so101_driver.common.errors import CalibrationError, ConfigError

DEGREES = 'degrees'
RANGE_M100_100 = 'range_m100_100'
RADIANS = 'radians'
MODES = (DEGREES, RANGE_M100_100, RADIANS)

RAD_PER_TICK = 2 * np.pi / 4095
_GRIPPER_SPAN_RAD = GRIPPER_OPEN_RAD - GRIPPER_CLOSED_RAD

Joints = str | Sequence[str]


def rad_to_units(
    values_rad: ArrayLike, joints: Joints, mode: str, calibration: Calibration | None = None
) -> FloatArray:
    """Convert wire radians to dataset units (`radians` returns the wire values).

    Args:
        values_rad: Angles, shape (..., number of joints), or any shape for a single name.
        joints: Joint names of the last axis, or one name.
        mode: `degrees`, `range_m100_100` or `radians`.
        calibration: Needed by `range_m100_100` only.

    Raises:
        ConfigError: for an unknown mode or a last axis of another length.
        CalibrationError: when the mode needs a calibration and there is none.
    """
    values = _checked(values_rad, joints)
    if _mode(mode) == RADIANS:
        return np.array(values)
    scale, offset = _unit_line(_names(joints), mode, _needed(mode, calibration))
    units: FloatArray = values * _shaped(scale, joints) + _shaped(offset, joints)
    return _clamped(units, joints, mode)


def units_to_rad(
    values: ArrayLike, joints: Joints, mode: str, calibration: Calibration | None = None
) -> FloatArray:
    """Convert dataset units to wire radians; the inverse of `rad_to_units`.

    Raises:
        ConfigError: for an unknown mode or a last axis of another length.
        CalibrationError: when the mode needs a calibration and there is none.
    """
    units = _checked(values, joints)
    if _mode(mode) == RADIANS:
        return np.array(units)
    scale, offset = _unit_line(_names(joints), mode, _needed(mode, calibration))
    units = _clamped(units, joints, mode)
    angles: FloatArray = (units - _shaped(offset, joints)) / _shaped(scale, joints)
    return angles


def ticks_to_rad(ticks: ArrayLike, joints: Joints, calibration: Calibration) -> FloatArray:
    """Convert servo positions (offset-corrected ticks) to radians, without any clamp."""
    values = _checked(ticks, joints)
    scale, offset = _tick_line(_names(joints), _Key(calibration))
    angles: FloatArray = values * _shaped(scale, joints) + _shaped(offset, joints)
    return angles


def rad_to_ticks(
    values_rad: ArrayLike, joints: Joints, calibration: Calibration
) -> NDArray[np.int64]:
    """Convert radians to ticks, rounded to the nearest; no clamp, so they may be out of range.

    Raises:
        ConfigError: when a value is not finite.
    """
    values = _checked(values_rad, joints)
    if not np.all(np.isfinite(values)):
        raise ConfigError([f'an angle is not a finite number: {values.tolist()}'])
    scale, offset = _tick_line(_names(joints), _Key(calibration))
    ticks = np.rint((values - _shaped(offset, joints)) / _shaped(scale, joints))
    return ticks.astype(np.int64)


def speeds_to_rad_s(
    speeds_ticks_s: ArrayLike, joints: Joints, calibration: Calibration
) -> FloatArray:
    """Convert speeds in ticks/s to rad/s with the sign and scale of the positions."""
    values = _checked(speeds_ticks_s, joints)
    scale, _ = _tick_line(_names(joints), _Key(calibration))
    return np.asarray(values * _shaped(scale, joints), dtype=np.float64)


def unit_size_rad(joints: Joints, mode: str, calibration: Calibration | None = None) -> FloatArray:
    """Return how many radians one dataset unit is, per joint, always positive."""
    if _mode(mode) == RADIANS:
        return np.ones(len(_names(joints)))
    scale, _ = _unit_line(_names(joints), mode, _needed(mode, calibration))
    return np.asarray(1.0 / np.abs(scale), dtype=np.float64)


class _Key:
    """A calibration as a cache key: by identity, which keeps it alive while cached."""

    def __init__(self, calibration: Calibration | None) -> None:
        self.calibration = calibration

    def __hash__(self) -> int:
        return id(self.calibration)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.calibration is self.calibration


def _names(joints: Joints) -> tuple[str, ...]:
    return (joints,) if isinstance(joints, str) else tuple(joints)


def _mode(mode: str) -> str:
    if mode not in MODES:
        raise ConfigError([f'unknown units "{mode}" (one of {", ".join(MODES)})'])
    return mode


def _needed(mode: str, calibration: Calibration | None) -> _Key:
    """Return the calibration where the mode uses it, so that the cache stays small."""
    if mode == DEGREES:
        return _Key(None)
    if calibration is None:
        raise CalibrationError(f'units "{mode}" need a calibration file')
    return _Key(calibration)


def _checked(values: ArrayLike, joints: Joints) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if not isinstance(joints, str) and (array.ndim == 0 or array.shape[-1] != len(joints)):
        raise ConfigError([f'shape {array.shape} does not end with {len(joints)} joints'])
    return array


def _shaped(line: FloatArray, joints: Joints) -> FloatArray | np.float64:
    """Give one joint's coefficient as a scalar array, so that any shape of values broadcasts."""
    return np.float64(line[0]) if isinstance(joints, str) else line


def _clamped(units: FloatArray, joints: Joints, mode: str) -> FloatArray:
    """Clamp as LeRobot does: the gripper always, arm joints in `range_m100_100`."""
    low, high = _unit_bounds(_names(joints), mode)
    return np.clip(units, _shaped(low, joints), _shaped(high, joints))


@lru_cache(maxsize=64)
def _unit_bounds(names: tuple[str, ...], mode: str) -> tuple[FloatArray, FloatArray]:
    arm = 100.0 if mode == RANGE_M100_100 else np.inf
    low = [0.0 if name == GRIPPER else -arm for name in names]
    high = [100.0 if name == GRIPPER else arm for name in names]
    return np.array(low), np.array(high)


@lru_cache(maxsize=64)
def _unit_line(names: tuple[str, ...], mode: str, key: _Key) -> tuple[FloatArray, FloatArray]:
    """Return scale and offset of units = rad * scale + offset, per joint."""
    scale, offset = [], []
    for name in names:
        if name == GRIPPER:
            scale.append(100.0 / _GRIPPER_SPAN_RAD)
            offset.append(-100.0 * GRIPPER_CLOSED_RAD / _GRIPPER_SPAN_RAD)
            continue
        offset.append(0.0)
        if key.calibration is None:
            scale.append(180.0 / np.pi)
        else:
            entry = key.calibration[name]
            sign = -1.0 if entry.drive_mode else 1.0
            scale.append(sign * 200.0 / (entry.width_ticks * RAD_PER_TICK))
    return np.array(scale), np.array(offset)


@lru_cache(maxsize=64)
def _tick_line(names: tuple[str, ...], key: _Key) -> tuple[FloatArray, FloatArray]:
    """Return scale and offset of rad = ticks * scale + offset, per joint."""
    assert key.calibration is not None
    scale, offset = [], []
    for name in names:
        entry = key.calibration[name]
        if name == GRIPPER:
            per_tick = _GRIPPER_SPAN_RAD / entry.width_ticks
            # A reversed gripper closes towards its upper end.
            scale.append(-per_tick if entry.drive_mode else per_tick)
            closed = entry.range_max if entry.drive_mode else entry.range_min
            offset.append(GRIPPER_CLOSED_RAD - scale[-1] * closed)
        else:
            scale.append(RAD_PER_TICK)
            offset.append(-entry.middle_ticks * RAD_PER_TICK)
    return np.array(scale), np.array(offset)
