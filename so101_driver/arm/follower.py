"""What a follower does in each cycle, without ROS: read, decide, relieve, write, publish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from so101_driver.arm.arm import Applied, ArmState, So101Arm
from so101_driver.arm.arm_reading import ArmReading
from so101_driver.arm.commands import CommandSources
from so101_driver.arm.gripper import GripperRelief
from so101_driver.arm.home import HomeMotion
from so101_driver.arm.joint_faults import TripHold
from so101_driver.arm.joints import GRIPPER_INDEX
from so101_driver.common.errors import NotActiveError, ServoError


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
        home: The way to the home pose, for `go_home`.
        powers_up: Power the motors again after the arm lost its supply.
        active_source: Asked in each cycle for the source to obey; without it the sources decide.
    """

    def __init__(
        self,
        arm: So101Arm,
        sources: CommandSources,
        relief: GripperRelief,
        output: FollowerOutput,
        clock_ns: Callable[[], int],
        home: HomeMotion | None = None,
        powers_up: bool = False,
        active_source: Callable[[], str] | None = None,
    ) -> None:
        self.arm = arm
        self.sources = sources
        self.relief = relief
        self.trips = TripHold()
        self._output = output
        self._clock_ns = clock_ns
        self._home = home
        self._powers_up = powers_up
        self._active_source = active_source
        self._wants_reset = True

    def cycle(self, reading: ArmReading) -> None:
        """Publish what was measured, then command what the active source asks for.

        A reading with silent joints is neither published, its values are partly older than its
        stamp, nor acted upon: the servos hold, and goals do not run ahead of a silent arm.
        A tripped joint keeps its pose until its fault is cleared; the others go on.
        """
        if self._active_source is not None:
            self.sources.select(self._active_source())
        if reading.missing:
            return
        self._output.joint_states(reading)
        if self.arm.state is not ArmState.ACTIVE:
            self._wants_reset = True
            return
        if self._wants_reset:
            self.sources.reset(reading.positions_rad)
            self.trips.release()
            self._wants_reset = False
        now_ns = self._clock_ns()
        goal, kind = self.sources.step(reading.positions_rad, now_ns)
        goal[GRIPPER_INDEX] = self.relief.limit(
            float(goal[GRIPPER_INDEX]),
            float(reading.positions_rad[GRIPPER_INDEX]),
            float(reading.load_duty[GRIPPER_INDEX]),
            now_ns,
        )
        goal = self.trips.limit(goal, reading.positions_rad, reading.errors)
        self._output.applied(self.arm.write(goal), kind)

    def restart(self) -> None:
        """Begin again from the present pose with the next cycle."""
        self._wants_reset = True

    def connected(self) -> None:
        """Begin again after the link came back; motors that lost their power get it on request.

        Raises:
            ServoError: naming the joints that could not be powered.
        """
        self.restart()
        if self._powers_up and self.arm.state is ArmState.INACTIVE:
            self.arm.enable()

    def go_home(self) -> str:
        """Begin the way to the home pose; return how long it takes.

        Raises:
            NotActiveError: when the arm is not powered, or obeys a source that commands.
        """
        if self.arm.state is not ArmState.ACTIVE:
            raise NotActiveError(f'not going home: the arm is {self.arm.state.value}')
        if self.trips.joints:
            raise NotActiveError(
                f'not going home: {", ".join(self.trips.joints)} tripped; call ~/clear_fault'
            )
        if self._home is None:
            raise NotActiveError('not going home: no home pose is known')
        duration_s = self.sources.go_home(self._home, self._clock_ns())
        return f'going home, {duration_s:.1f} s'

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
        """Relax and reset faulty servos.

        Raises:
            ServoError: naming the faults that remain, and the cure.
        """
        self.restart()
        self.relief.held_rad = None
        if remaining := self.arm.clear_faults():
            raise ServoError('; '.join(remaining))
        return 'no fault'

    def state_text(self) -> str:
        """Return one line for diagnostics."""
        if self.arm.state is not ArmState.ACTIVE:
            return f'{self.arm.state.value}: takes no commands'
        text = self.sources.text
        if self.trips.joints:
            text += f', {" and ".join(self.trips.joints)} held until ~/clear_fault'
        return f'{text}, gripper relieved' if self.relief.is_relieved else text
