"""The way to the home pose: a straight line in joint space at a limited speed."""

from __future__ import annotations

import dataclasses

import numpy as np

from so101_driver.arm.joints import FloatArray


@dataclasses.dataclass(frozen=True)
class HomeMotion:
    """All joints arrive together; the one with the longest way moves at the given speed.

    Attributes:
        target_rad: The home pose, shape (6,).
        speed_rad_s: Speed of the fastest joint.
    """

    target_rad: FloatArray
    speed_rad_s: float

    def step(self, goal_rad: FloatArray, elapsed_s: float) -> FloatArray:
        """Return the goal that follows on this one."""
        way = self.target_rad - goal_rad
        longest = float(np.max(np.abs(way)))
        step = self.speed_rad_s * elapsed_s
        return self.target_rad.copy() if longest <= step else goal_rad + way * (step / longest)

    def duration_s(self, goal_rad: FloatArray) -> float:
        """Return how long the way from a pose takes."""
        return float(np.max(np.abs(self.target_rad - goal_rad))) / self.speed_rad_s
