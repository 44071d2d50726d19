"""Clocks: system, steady and ROS time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.time import Time

if TYPE_CHECKING:
    from rclpy.context import Context

__all__ = ['Clock', 'ClockType', 'ROSClock']


class Clock:
    """Source of the present time."""

    def __new__(cls, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> Clock:
        if not isinstance(clock_type, ClockType):
            raise TypeError('Clock type must be a ClockType enum')
        return super().__new__(ROSClock if clock_type is ClockType.ROS_TIME else cls)

    def __init__(self, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> None:
        self._clock_type = clock_type

    @property
    def clock_type(self) -> ClockType:
        """Kind of this clock."""
        return self._clock_type

    def __repr__(self) -> str:
        return f'{type(self).__name__}(clock_type={self._clock_type.name})'

    def now_ns(self) -> int:
        """Return the present time in nanoseconds."""
        if self._clock_type is ClockType.STEADY_TIME:
            return time.monotonic_ns()
        return time.time_ns()

    def now(self) -> Time:
        """Return the present time."""
        return Time(nanoseconds=self.now_ns(), clock_type=self._clock_type)

    def sleep_until(self, until: Time, context: Context | None = None) -> bool:
        """Sleep until a time of this clock; return False when the context ended before."""
        from rclpy.utilities import get_default_context

        context = context or get_default_context()
        if until.clock_type != self._clock_type:
            raise ValueError("until's clock type does not match this clock's type")
        stopped = threading.Event()
        context.on_shutdown(stopped.set)
        while context.ok():
            remaining = (until.nanoseconds - self.now_ns()) / 1e9
            if remaining <= 0:
                return True
            stopped.wait(min(remaining, self._longest_sleep()))
        return False

    def sleep_for(self, rel_time: Duration, context: Context | None = None) -> bool:
        """Sleep for a duration; return False when the context ended before."""
        return self.sleep_until(self.now() + rel_time, context)

    def _longest_sleep(self) -> float:
        return 3600.0


class ROSClock(Clock):
    """ROS time: the last /clock message while simulated time is active, else system time."""

    def __new__(cls) -> ROSClock:
        return object.__new__(cls)

    def __init__(self, *, clock_type: ClockType = ClockType.ROS_TIME) -> None:
        super().__init__(clock_type=ClockType.ROS_TIME)
        self._override_ns: int | None = None

    @property
    def ros_time_is_active(self) -> bool:
        """Whether simulated time is active."""
        return self._override_ns is not None

    def set_ros_time_override(self, when: Time) -> None:
        """Set the simulated time."""
        self._override_ns = when.nanoseconds

    def _set_ros_time_is_active(self, enabled: bool) -> None:
        self._override_ns = (self._override_ns or 0) if enabled else None

    def now_ns(self) -> int:
        """Return the present time in nanoseconds."""
        override = self._override_ns
        return time.time_ns() if override is None else override

    def _longest_sleep(self) -> float:
        return 0.01 if self.ros_time_is_active else 3600.0
