"""The time sources a clock can have."""

from __future__ import annotations

import enum


class ClockType(enum.IntEnum):
    """Source of a clock: ROS time follows /clock under simulated time, else the system clock."""

    UNINITIALIZED = 0
    ROS_TIME = 1
    SYSTEM_TIME = 2
    STEADY_TIME = 3
