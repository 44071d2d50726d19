"""Conversions, both ways, against LeRobot's arithmetic written out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from so101_driver.arm import units
from so101_driver.arm.calibration import Calibration, JointCalibration
from so101_driver.arm.joints import GRIPPER, GRIPPER_CLOSED_RAD, GRIPPER_OPEN_RAD, JOINTS
from so101_driver.common.errors import CalibrationError, ConfigError


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    entries = {}
    for number, name in enumerate(JOINTS, 1):
        low = draw(st.integers(0, 3000))
        high = draw(st.integers(low + 50, 4095))
        entries[name] = JointCalibration(number, draw(st.integers(0, 1)), 0, low, high)
    return Calibration(entries)


def lerobot_value(ticks: int, name: str, mode: str, entry: JointCalibration) -> float:
    """Normalise as LeRobot's bus does."""
    low, high = entry.range_min, entry.range_max
    clamped = min(max(ticks, low), high)
    if name == GRIPPER:
        percent = (clamped - low) / (high - low) * 100
        return 100 - percent if entry.drive_mode else percent
    if mode == units.DEGREES:
        return (ticks - (low + high) / 2) * 360 / 4095
    value = (clamped - low) / (high - low) * 200 - 100
    return -value if entry.drive_mode else value


@given(
    calibrations(),
    st.lists(st.integers(0, 4095), min_size=6, max_size=6),
    st.sampled_from([units.DEGREES, units.RANGE_M100_100]),
)
def test_ticks_become_lerobot_values(calibration: Calibration, ticks: list[int], mode: str) -> None:
    angles = units.ticks_to_rad(ticks, JOINTS, calibration)
    values = units.rad_to_units(angles, JOINTS, mode, calibration)
    expected = [
        lerobot_value(t, name, mode, calibration[name])
        for t, name in zip(ticks, JOINTS, strict=True)
    ]
    np.testing.assert_allclose(values, expected, atol=1e-9)
    assert units.rad_to_ticks(angles, JOINTS, calibration).tolist() == ticks


@given(calibrations(), st.lists(st.floats(-100, 100), min_size=6, max_size=6))
def test_units_round_trip_in_every_mode(calibration: Calibration, values: list[float]) -> None:
    values[-1] = abs(values[-1])
    for mode in units.MODES:
        angles = units.units_to_rad(values, JOINTS, mode, calibration)
        back = units.rad_to_units(angles, JOINTS, mode, calibration)
        np.testing.assert_allclose(back, values, atol=1e-9)


@given(calibrations(), st.lists(st.floats(-100, 100), min_size=6, max_size=6))
def test_rounding_through_ticks_is_within_half_a_tick(
    calibration: Calibration, values: list[float]
) -> None:
    values[-1] = abs(values[-1])
    mode = units.RANGE_M100_100
    angles = units.units_to_rad(values, JOINTS, mode, calibration)
    ticks = units.rad_to_ticks(angles, JOINTS, calibration)
    error = np.abs(units.ticks_to_rad(ticks, JOINTS, calibration) - angles)
    one_tick = np.abs(
        units.ticks_to_rad(ticks + 1, JOINTS, calibration)
        - units.ticks_to_rad(ticks, JOINTS, calibration)
    )
    assert np.all(error <= one_tick / 2 + 1e-12)


def test_gripper_lies_between_the_urdf_limits() -> None:
    ends = units.units_to_rad([0.0, 50.0, 100.0], GRIPPER, units.DEGREES)
    middle = (GRIPPER_CLOSED_RAD + GRIPPER_OPEN_RAD) / 2
    np.testing.assert_allclose(ends, [GRIPPER_CLOSED_RAD, middle, GRIPPER_OPEN_RAD])


def test_shapes_and_single_names() -> None:
    block = np.zeros((4, 3, 6))
    assert units.rad_to_units(block, JOINTS, units.DEGREES).shape == (4, 3, 6)
    assert units.rad_to_units(math.pi, 'elbow_flex', units.DEGREES) == pytest.approx(180.0)
    assert units.rad_to_units(np.zeros((7, 2)), 'elbow_flex', units.DEGREES).shape == (7, 2)


def test_refusals() -> None:
    with pytest.raises(CalibrationError, match='need a calibration'):
        units.rad_to_units(np.zeros(6), JOINTS, units.RANGE_M100_100)
    with pytest.raises(ConfigError, match='unknown units'):
        units.rad_to_units(np.zeros(6), JOINTS, 'percent')
    with pytest.raises(ConfigError, match='does not end with 6'):
        units.rad_to_units(np.zeros(5), JOINTS, units.DEGREES)
