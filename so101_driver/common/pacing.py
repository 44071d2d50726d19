"""Waiting on an absolute grid: lateness never moves the grid, it is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_NS = 1_000_000_000


class Grid:
    """Tick k is due at start + k / rate; ticks that have passed already are skipped and counted.

    Args:
        rate_hz: Ticks per second.
        clock_ns: Monotonic clock.
    """

    def __init__(self, rate_hz: float, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.rate_hz = rate_hz
        self.tick = 0
        self.skipped = 0
        self._clock_ns = clock_ns
        self._start_ns = clock_ns()

    def due_ns(self, tick: int) -> int:
        """Return when a tick is due."""
        return self._start_ns + round(tick * _NS / self.rate_hz)

    def wait(self, stop: threading.Event) -> bool:
        """Wait for the next tick; False when asked to stop meanwhile."""
        self.tick += 1
        now_ns = self._clock_ns()
        if now_ns > self.due_ns(self.tick + 1):
            latest = int((now_ns - self._start_ns) * self.rate_hz / _NS)
            self.skipped += latest - self.tick
            self.tick = latest
        delay_ns = self.due_ns(self.tick) - now_ns
        if delay_ns <= 0:
            return not stop.is_set()
        return not stop.wait(delay_ns / _NS)
