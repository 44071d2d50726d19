"""What a follower does in each cycle, without ROS: read, decide, relieve, write, publish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from so101_driver.arm import Applied, ArmReading, ArmState, So101Arm
from so101_driver.commands import CommandSources
from so101_driver.gripper import GripperRelief
from so101_driver.joints import GRIPPER_INDEX


class FollowerOutput(Protocol):
    """Where a follower's measurements and writes go."""

    def joint_states(self, reading: ArmReading) -> None:
        """Publish a complete reading."""

    def applied(self, applied: Applied, kind: str) -> None:
        """Publish what was written, as `command` or `hold`."""


class Follower:
    """One follower's cycle; runs in the arm's thread.

    Args:
        arm: The arm.
        sources: Where commands come from.
        relief: The gripper's relief.
        output: Where results go.
        clock_ns: The clock of commands' stamps.
    """

    def __init__(
        self,
        arm: So101Arm,
        sources: CommandSources,
        relief: GripperRelief,
        output: FollowerOutput,
        clock_ns: Callable[[], int],
    ) -> None:
        self.arm = arm
        self.sources = sources
        self.relief = relief
        self._output = output
        self._clock_ns = clock_ns
        self._wants_reset = True

    def cycle(self, reading: ArmReading) -> None:
        """Publish what was measured, then command what the active source asks for.

        A reading with silent joints is not published: its values are partly older than its stamp.
        """
        if not reading.missing:
            self._output.joint_states(reading)
        if self.arm.state is not ArmState.ACTIVE:
            self._wants_reset = True
            return
        if self._wants_reset:
            self.sources.reset(reading.positions_rad)
            self._wants_reset = False
        now_ns = self._clock_ns()
        goal, kind = self.sources.step(reading.positions_rad, now_ns)
        goal[GRIPPER_INDEX] = self.relief.limit(
            float(goal[GRIPPER_INDEX]),
            float(reading.positions_rad[GRIPPER_INDEX]),
            float(reading.load_duty[GRIPPER_INDEX]),
            now_ns,
        )
        self._output.applied(self.arm.write(goal), kind)

    def restart(self) -> None:
        """Begin again from the present pose with the next cycle."""
        self._wants_reset = True

    def set_torque(self, on: bool) -> str:
        """Power or release the arm; return what was done.

        Raises:
            ServoError: naming the joints that did not obey.
            LinkError: when there is no link.
        """
        self.restart()
        if on:
            self.arm.enable()
            return 'torque is on'
        self.arm.disable()
        return 'torque is off'

    def clear_fault(self) -> str:
        """Relax and reset faulty servos; return what remains, or an empty string."""
        self.restart()
        self.relief.held_rad = None
        return '; '.join(self.arm.clear_faults())

    def state_text(self) -> str:
        """Return one line for diagnostics."""
        if self.arm.state is not ArmState.ACTIVE:
            return f'{self.arm.state.value}: takes no commands'
        text = self.sources.text
        return f'{text}, gripper relieved' if self.relief.is_relieved else text
