"""What a leader does, without ROS: limp for the hand that moves it, with a spring if wanted."""

from __future__ import annotations

from collections.abc import Callable

from so101_driver.arm.arm import ArmState, So101Arm
from so101_driver.arm.gripper_spring import GripperSpring

Report = Callable[[str], None]


class Leader:
    """One leader; runs in the arm's thread.

    Args:
        arm: The arm.
        spring: The gripper's spring, or None.
        report: Takes one line per thing worth knowing.
    """

    def __init__(self, arm: So101Arm, spring: GripperSpring | None, report: Report) -> None:
        self.arm = arm
        self._spring = spring
        self._report = report

    @property
    def commands(self) -> bool:
        """Whether its pose is what a person wants: not while its motors hold it."""
        return self.arm.state is ArmState.INACTIVE

    def relax(self) -> None:
        """Make the arm limp after each connect, then engage the spring.

        Raises:
            ServoError: naming motors that could not be released.
        """
        powered = self.arm.state is ArmState.ACTIVE
        if powered:
            self._report('the leader was powered: torque goes off')
        self.arm.disable()
        if self._spring is not None:
            self._spring.engage(self.arm.bus, self.arm.calibration)

    def set_torque(self, on: bool) -> str:
        """Power all motors where they stand, or relax them; return what was done.

        Raises:
            ServoError: naming the joints that did not obey.
        """
        if not on:
            self.relax()
            return 'torque is off'
        if self._spring is not None:
            self._spring.release(self.arm.bus, self.arm.calibration)
        self.arm.enable()
        return 'torque is on; no commands are sent'

    def close(self) -> None:
        """Take the spring's weakness back while the link is there.

        Raises:
            ServoError: when the gripper does not answer.
        """
        if self._spring is not None and self.arm.state is not ArmState.UNCONFIGURED:
            self._spring.release(self.arm.bus, self.arm.calibration)
