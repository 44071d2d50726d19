"""The rhythm of a stream, from its stamps: how fast it is and how many messages are missing."""

from __future__ import annotations

from collections import deque

from recorder_node.streams.messages import NS

# In periods: up to _LATE a sample counts as late, not lost; from _PAUSE on the stream was paused.
_LATE = 0.75
_PAUSE = 100
# How much lateness carries over to the next sample; less than all, so that a rate slightly off
# the promised one never adds up to a loss.
_REMEMBERED = 0.8
# Over which the rate is measured.
_RATE_NS = NS
# Gaps that the period is estimated from, where the contract does not tell it: the mean of the
# middle half, so that neither pauses nor bursts count.
_GAPS = 32


class Beat:
    """Follows growing stamps.

    Args:
        promised_hz: the rate that the contract tells, 0 when it does not.
    """

    def __init__(self, promised_hz: float) -> None:
        self._promised = bool(promised_hz)
        self._period_ns = NS / promised_hz if promised_hz else 0.0
        self._gaps: deque[int] = deque(maxlen=_GAPS)
        self._recent: deque[int] = deque()
        # How much of a period the last sample came early, against a regular beat.
        self._early = 0.0

    @property
    def rate_hz(self) -> float:
        """The rate over the last second, 0 when there are too few samples."""
        if len(self._recent) < 3:
            return 0.0
        return (len(self._recent) - 1) * NS / (self._recent[-1] - self._recent[0])

    def note(self, stamp_ns: int, refused: int) -> int:
        """Follow one more stamp; return how many messages are missing before it.

        A negative number takes back: a sample was merely late.

        Args:
            stamp_ns: newer than the last one.
            refused: messages that came since the last one and were of no use; they are not lost.
        """
        gap_ns = stamp_ns - self._recent[-1] if self._recent else 0
        self._recent.append(stamp_ns)
        while stamp_ns - self._recent[0] > _RATE_NS:
            self._recent.popleft()
        return self._missing(gap_ns, refused) if gap_ns else 0

    def begin_again(self) -> None:
        """Forget the stamps, as after a step of the clock; what is known of the period stays."""
        self._recent.clear()
        self._early = 0.0

    def _missing(self, gap_ns: int, refused: int) -> int:
        if not self._promised:
            self._gaps.append(gap_ns // (1 + refused))
            ordered = sorted(self._gaps)
            middle = ordered[len(ordered) // 4 : len(ordered) - len(ordered) // 4]
            self._period_ns = sum(middle) / len(middle)
        missing = gap_ns / self._period_ns - 1 - refused + self._early
        whole = round(missing) if abs(missing) > _LATE else 0
        self._early = (missing - whole) * _REMEMBERED
        return whole if whole < _PAUSE else 0
