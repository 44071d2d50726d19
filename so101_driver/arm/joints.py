"""The six joints of an SO-101 arm: LeRobot's names and order, the URDF's limits in radians."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

JOINTS = (
    'shoulder_pan',
    'shoulder_lift',
    'elbow_flex',
    'wrist_flex',
    'wrist_roll',
    'gripper',
)
"""LeRobot's motor names in bus order; servo ids are 1..6 unless the calibration says otherwise."""

GRIPPER = 'gripper'
GRIPPER_INDEX = JOINTS.index(GRIPPER)

URDF_LIMITS_RAD = MappingProxyType(
    {
        'shoulder_pan': (-1.91986, 1.91986),
        'shoulder_lift': (-1.74533, 1.74533),
        'elbow_flex': (-1.69, 1.69),
        'wrist_flex': (-1.65806, 1.65806),
        'wrist_roll': (-2.74385, 2.84121),
        'gripper': (-0.174533, 1.74533),
    }
)
"""Limits of the official URDF ("new calibration"); real arms reach up to 10 degrees further."""

GRIPPER_CLOSED_RAD, GRIPPER_OPEN_RAD = URDF_LIMITS_RAD[GRIPPER]
"""Where 0 % and 100 % of the gripper lie on the wire, for leader and follower alike."""

FloatArray = NDArray[np.float64]


def limits_rad() -> FloatArray:
    """Return the URDF limits as a (6, 2) array in the order of `JOINTS`."""
    return np.array([URDF_LIMITS_RAD[name] for name in JOINTS], dtype=np.float64)
