"""Forward kinematics of the SO-101, and a small inverse for drawing and the scripted operator.

The chain is equivalent to the official URDF ("new calibration") with all frames parallel to the
base at zero: x forward, y left, z up, metres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from so101_driver.arm.joints import FloatArray

# Parent-to-child origin (m) and axis of each joint, in the order of `JOINTS`.
_ORIGINS = (
    (0.0388353, 0.0, 0.0624),
    (0.0303992, 0.0, 0.0542),
    (0.0280, 0.0, 0.11257),
    (0.1349, 0.0, 0.0052),
    (0.0611, -0.0001778, 0.0),
    (0.0234, 0.0178, 0.0211),
)
_AXES = (
    (0.0, 0.0, -1.0),
    (0.0, 1.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, 1.0, 0.0),
    (-1.0, 0.0, 0.0),
    (0.0, -0.998815, -0.048663),
)
TIP_ORIGIN = (0.098127, 0.000169, -0.0079)
"""The gripper frame (between the finger tips) in the roll frame."""

_ROLL_INDEX = 4
_SHOULDER_X = _ORIGINS[0][0]
_LIFT_X = _ORIGINS[1][0]
_LIFT_Z = _ORIGINS[0][2] + _ORIGINS[1][2]
_UPPER = math.hypot(_ORIGINS[2][0], _ORIGINS[2][2])
_UPPER_TILT = math.atan2(_ORIGINS[2][0], _ORIGINS[2][2])
_FORE = math.hypot(_ORIGINS[3][0], _ORIGINS[3][2])
_FORE_TILT = math.atan2(_ORIGINS[3][2], _ORIGINS[3][0])
_HAND = _ORIGINS[4][0] + TIP_ORIGIN[0]


class Frames(NamedTuple):
    """Where every joint's frame is in the base: origins (6, 3), rotations (6, 3, 3), tip (3,)."""

    origins: FloatArray
    rotations: FloatArray
    tip: FloatArray


def forward(positions_rad: Sequence[float] | FloatArray) -> Frames:
    """Return the frames of all six joints and the gripper frame's origin."""
    origins, rotations = np.empty((6, 3)), np.empty((6, 3, 3))
    origin, rotation = np.zeros(3), np.eye(3)
    tip = np.zeros(3)
    for index, angle in enumerate(positions_rad):
        origin = origin + rotation @ np.array(_ORIGINS[index])
        rotation = rotation @ _rotation(_AXES[index], float(angle))
        origins[index], rotations[index] = origin, rotation
        if index == _ROLL_INDEX:
            tip = origin + rotation @ np.array(TIP_ORIGIN)
    return Frames(origins, rotations, tip)


def reach(x: float, y: float, z: float, pitch_rad: float) -> FloatArray | None:
    """Return pan, lift, elbow and wrist angles that bring the gripper to a point.

    Args:
        x, y, z: Where the finger tips shall be, in the base frame (m).
        pitch_rad: How far the gripper points down (0 = forward, pi/2 = straight down).

    Returns:
        Four angles (rad), or None when the point is out of reach. Within about a centimetre: the
        small offset of the tip from the roll axis is left out.
    """
    pan = math.atan2(-y, x - _SHOULDER_X)
    radius = math.hypot(x - _SHOULDER_X, y) - _LIFT_X
    wrist_r = radius - _HAND * math.cos(pitch_rad)
    wrist_z = z - _LIFT_Z + _HAND * math.sin(pitch_rad)
    distance = math.hypot(wrist_r, wrist_z)
    if not abs(_UPPER - _FORE) < distance < _UPPER + _FORE:
        return None
    # Angles from the vertical, turning forward; the elbow points up.
    cosine = (_UPPER**2 + distance**2 - _FORE**2) / (2 * _UPPER * distance)
    upper = math.atan2(wrist_r, wrist_z) - math.acos(cosine)
    fore_r, fore_z = wrist_r - _UPPER * math.sin(upper), wrist_z - _UPPER * math.cos(upper)
    fore_down = -math.atan2(fore_z, fore_r)
    lift = upper - _UPPER_TILT
    elbow = fore_down + _FORE_TILT - lift
    return np.array([pan, lift, elbow, pitch_rad - lift - elbow])


def _rotation(axis: tuple[float, float, float], angle: float) -> FloatArray:
    """Rotate about a unit axis (Rodrigues)."""
    x, y, z = axis
    c, s = math.cos(angle), math.sin(angle)
    t = 1.0 - c
    return np.array(
        [
            [t * x * x + c, t * x * y - s * z, t * x * z + s * y],
            [t * x * y + s * z, t * y * y + c, t * y * z - s * x],
            [t * x * z - s * y, t * y * z + s * x, t * z * z + c],
        ]
    )
