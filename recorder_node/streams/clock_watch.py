"""The two clocks of a recording: that of the stamps, and the steady one that shows its steps."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from recorder_node.streams.messages import NS

# Slewing moves a clock by at most 0.5 ms per second; a jump is a step.
CLOCK_STEP_NS = NS // 20
# Simulated time that does not move for so long is paused.
_PAUSED_NS = NS
# Reading two clocks took longer than this: somebody else had the processor, do not compare them.
_CLOCK_BRACKET_NS = 5_000_000


class Clock(Protocol):
    """The two times the recorder knows.

    Simulated ROS time may be slow, stand still and jump ahead; only going back is a step.
    """

    @property
    def simulated(self) -> bool:
        """Whether ROS time comes from a simulator or a bag."""

    def now_ns(self) -> int:
        """ROS time, that of the stamps."""

    def steady_ns(self) -> int:
        """A clock that never jumps nor stands still, for every timeout."""


class Now(NamedTuple):
    """Both times at one moment, and by how much ROS time has stepped since the last look."""

    ros_ns: int
    steady_ns: int
    step_ns: int = 0

    @property
    def reason(self) -> str:
        """The step in words."""
        return f'the clock stepped by {self.step_ns / NS:+.3f} s'


class ClockWatch:
    """Notices steps of ROS time from one look to the next."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: Now | None = None
        self._moved_ns = clock.steady_ns()

    @property
    def paused(self) -> bool:
        """Whether simulated time stands still."""
        last, clock = self._last, self._clock
        if not clock.simulated or last is None or clock.now_ns() != last.ros_ns:
            return False
        return clock.steady_ns() - self._moved_ns > _PAUSED_NS

    def look(self) -> Now | None:
        """Read both clocks; None when they could not be read together, so look again."""
        before_ns = self._clock.steady_ns()
        ros_ns = self._clock.now_ns()
        steady_ns = self._clock.steady_ns()
        if steady_ns - before_ns > _CLOCK_BRACKET_NS:
            return None
        last, self._last = self._last, Now(ros_ns, steady_ns)
        if last is None:
            return self._last
        passed_ns = ros_ns - last.ros_ns
        if passed_ns:
            self._moved_ns = steady_ns
        if self._clock.simulated:
            step_ns = min(passed_ns, 0)
        else:
            step_ns = passed_ns - (steady_ns - last.steady_ns)
        if abs(step_ns) <= CLOCK_STEP_NS:
            return self._last
        return self._last._replace(step_ns=step_ns)
