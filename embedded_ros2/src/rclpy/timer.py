"""Timers and rates."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy._waitable import Waitable, Work
from rclpy.clock import Clock, ROSClock
from rclpy.exceptions import ROSInterruptException


class Timer(Waitable):
    """Calls back on an absolute grid of its period; calls that were missed are left out.

    The grid lies on the steady clock, or on simulated time while the clock follows /clock.
    """

    def __init__(
        self,
        callback: Callable[..., Any],
        callback_group: Any,
        timer_period_ns: int,
        clock: Clock,
        *,
        context: Any = None,
        autostart: bool = True,
        node: Any = None,
    ) -> None:
        super().__init__(node, callback_group)
        if timer_period_ns < 0:
            raise ValueError('timer period must not be negative')
        self.callback = callback
        self._clock = clock
        self._period_ns = int(timer_period_ns)
        self._lock = threading.Lock()
        self._canceled = not autostart
        self._last_call_ns = self.now_ns()
        self._next_call_ns = self._last_call_ns + self._period_ns

    @property
    def clock(self) -> Clock:
        """The clock of the timer."""
        return self._clock

    @property
    def timer_period_ns(self) -> int:
        """Period in nanoseconds; a new one counts from the last call."""
        return self._period_ns

    @timer_period_ns.setter
    def timer_period_ns(self, value: int) -> None:
        with self._lock:
            self._next_call_ns += int(value) - self._period_ns
            self._period_ns = int(value)
        self.notify()

    @property
    def is_simulated(self) -> bool:
        """Whether the timer follows /clock."""
        return isinstance(self._clock, ROSClock) and self._clock.ros_time_is_active

    def now_ns(self) -> int:
        """Return the time on the timer's grid."""
        return self._clock.now_ns() if self.is_simulated else time.monotonic_ns()

    def wait_ns(self) -> int | None:
        """Return for how long an executor may sleep, None without limit."""
        if self._canceled or self.is_simulated:
            return None
        return max(0, self._next_call_ns - time.monotonic_ns())

    def is_ready(self) -> bool:
        """Return whether a call is due."""
        return not self._canceled and self.now_ns() >= self._next_call_ns

    def is_canceled(self) -> bool:
        """Return whether the timer is stopped."""
        return self._canceled

    def cancel(self) -> None:
        """Stop until reset."""
        self._canceled = True

    def reset(self) -> None:
        """Start anew: the next call comes one period from now."""
        with self._lock:
            self._next_call_ns = self.now_ns() + self._period_ns
            self._canceled = False
        self.notify()

    def time_since_last_call(self) -> int:
        """Return nanoseconds since the last call."""
        return self.now_ns() - self._last_call_ns

    def time_until_next_call(self) -> int | None:
        """Return nanoseconds until the next call, None while stopped."""
        return None if self._canceled else self._next_call_ns - self.now_ns()

    def take_work(self) -> Work | None:
        """Return the callback when it is due, and move on to the next point of the grid."""
        with self._lock:
            now_ns = self.now_ns()
            due_ns = self._next_call_ns
            if self._canceled or now_ns < due_ns:
                return None
            self._last_call_ns = now_ns
            periods = 1 + (now_ns - due_ns) // self._period_ns if self._period_ns else 0
            self._next_call_ns = due_ns + periods * self._period_ns if periods else now_ns
        return self.callback

    def destroy(self) -> None:
        """Stop for ever."""
        super().destroy()
        self._canceled = True
        if self.node is not None:
            self.node.forget(self)


class Rate:
    """Sleeps to the grid of a timer; needs an executor spinning in another thread."""

    def __init__(self, timer: Timer, *, context: Any) -> None:
        self._timer = timer
        self._context = context
        self._tick = threading.Event()
        self._timer.callback = self._tick.set
        context.on_shutdown(self._tick.set)

    def sleep(self) -> None:
        """Block until the next call of the timer; raise ROSInterruptException on shutdown."""
        self._tick.clear()
        if self._context.ok():
            self._tick.wait()
        if not self._context.ok():
            raise ROSInterruptException()

    def destroy(self) -> None:
        """Stop and wake who sleeps."""
        self._timer.destroy()
        self._tick.set()
