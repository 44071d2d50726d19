"""Relief of a squeezing gripper before the servo's overload protection trips.

The servo trips when its duty stays above 25 % for two seconds and goes limp then. So a gripper
that has squeezed for a while without moving is told to stay where it is, until it is told to open.
"""

from __future__ import annotations

import dataclasses

_NS = 1_000_000_000
_SLACK_RAD = 0.01


@dataclasses.dataclass
class GripperRelief:
    """Watch one gripper (closing = towards smaller angles).

    Attributes:
        duty: Duty that counts as squeezing, 0..1; below the servo's overload threshold.
        after_s: How long it may squeeze.
    """

    duty: float = 0.2
    after_s: float = 1.0
    held_rad: float | None = None
    _since_ns: int | None = None

    @property
    def is_relieved(self) -> bool:
        """Whether the gripper is being held back now."""
        return self.held_rad is not None

    def limit(self, goal_rad: float, present_rad: float, load_duty: float, now_ns: int) -> float:
        """Return the gripper's goal, held back where it has squeezed too long."""
        if self.held_rad is not None:
            if goal_rad > self.held_rad + _SLACK_RAD:
                self.held_rad = None
            return max(goal_rad, self.held_rad) if self.held_rad is not None else goal_rad
        squeezing = abs(load_duty) >= self.duty and goal_rad < present_rad - _SLACK_RAD
        if not squeezing:
            self._since_ns = None
            return goal_rad
        if self._since_ns is None:
            self._since_ns = now_ns
        if now_ns - self._since_ns < self.after_s * _NS:
            return goal_rad
        self._since_ns = None
        self.held_rad = present_rad
        return present_rad
