"""What is counted of a camera, and whether it keeps the rate that it promised."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

_WINDOW_S = 4.0
_SLOW, _FAST_ENOUGH = 0.9, 0.95  # of the promised rate; between them nothing changes


class Counts(NamedTuple):
    """A camera's counters at one moment.

    Attributes:
        frames: Pictures handed on.
        damaged: Pictures that were not whole, and not handed on.
        skipped: Pictures that were due, or there, and came too late to be handed on.
        reopened: How often the source was opened again.
        rate_hz: Measured over the last seconds; 0 while there is no picture.
        longest_gap_s: Between two pictures, since the start.
        stamp_source: Whose clock the newest stamp is from: `driver` or `grab`.
    """

    frames: int = 0
    damaged: int = 0
    skipped: int = 0
    reopened: int = 0
    rate_hz: float = 0.0
    longest_gap_s: float = 0.0
    stamp_source: str = ''


class Health:
    """Counts for one camera; any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counts()
        self._times_s: deque[float] = deque()
        self._last_s: float | None = None
        self._judged_s = 0.0
        self._is_slow = False

    def counts(self) -> Counts:
        """Return all counters."""
        with self._lock:
            return self._counts

    @property
    def is_slow(self) -> bool:
        """Whether fewer pictures come than were promised."""
        return self._is_slow

    def count(self, damaged: int = 0, skipped: int = 0, reopened: int = 0) -> None:
        """Add to counters."""
        with self._lock:
            counts = self._counts
            self._counts = counts._replace(
                damaged=counts.damaged + damaged,
                skipped=counts.skipped + skipped,
                reopened=counts.reopened + reopened,
            )

    def interrupt(self) -> None:
        """Begin to measure the rate anew: there is no picture now."""
        with self._lock:
            self._times_s.clear()
            self._judged_s = 0.0
            self._counts = self._counts._replace(rate_hz=0.0)

    def picture(self, now_s: float, stamp_source: str, promised_hz: float) -> str:
        """Count a picture; return what to tell the user of the rate, when that has changed.

        Args:
            now_s: When it came, monotonic.
            stamp_source: Whose clock its stamp is from.
            promised_hz: The rate that the source promised.
        """
        with self._lock:
            times = self._times_s
            times.append(now_s)
            while now_s - times[0] > _WINDOW_S:
                times.popleft()
            span_s = now_s - times[0]
            rate_hz = (len(times) - 1) / span_s if span_s > 0 else 0.0
            gap_s = 0.0 if self._last_s is None else now_s - self._last_s
            self._last_s = now_s
            self._counts = self._counts._replace(
                frames=self._counts.frames + 1,
                rate_hz=rate_hz,
                longest_gap_s=max(self._counts.longest_gap_s, gap_s),
                stamp_source=stamp_source,
            )
            return self._judge(now_s, rate_hz, promised_hz)

    def _judge(self, now_s: float, rate_hz: float, promised_hz: float) -> str:
        """Look at the rate once for each window."""
        if not self._judged_s:
            self._judged_s = now_s
        if now_s - self._judged_s < _WINDOW_S or promised_hz <= 0:
            return ''
        self._judged_s = now_s
        if not self._is_slow and rate_hz < _SLOW * promised_hz:
            self._is_slow = True
            return (
                f'{rate_hz:.1f} pictures per second, {promised_hz:g} are promised: the exposure is '
                'too long (more light, or a fixed exposure), the USB too busy, or this machine'
            )
        if self._is_slow and rate_hz >= _FAST_ENOUGH * promised_hz:
            self._is_slow = False
            return f'{rate_hz:.1f} pictures per second again'
        return ''
