"""Spans of time."""

from __future__ import annotations

from functools import total_ordering

from builtin_interfaces.msg import Duration as DurationMsg

S_TO_NS = 1_000_000_000


@total_ordering
class Duration:
    """A signed span of time in integer nanoseconds."""

    def __init__(self, *, seconds: float = 0, nanoseconds: float = 0) -> None:
        total = int(seconds * S_TO_NS) + int(nanoseconds)
        if not -(2**63) <= total < 2**63:
            raise OverflowError('Total nanoseconds value is too large to store in C duration.')
        self._nanoseconds = total

    @property
    def nanoseconds(self) -> int:
        """Length in nanoseconds."""
        return self._nanoseconds

    def __repr__(self) -> str:
        return f'Duration(nanoseconds={self._nanoseconds})'

    def __str__(self) -> str:
        if self == Infinite:
            return 'Infinite'
        return f'{self._nanoseconds} nanoseconds'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self._nanoseconds == other._nanoseconds

    def __lt__(self, other: Duration) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        return self._nanoseconds < other._nanoseconds

    def __hash__(self) -> int:
        return hash(self._nanoseconds)

    def __add__(self, other: Duration) -> Duration:
        if not isinstance(other, Duration):
            return NotImplemented
        return Duration(nanoseconds=self._nanoseconds + other._nanoseconds)

    def __sub__(self, other: Duration) -> Duration:
        if not isinstance(other, Duration):
            return NotImplemented
        return Duration(nanoseconds=self._nanoseconds - other._nanoseconds)

    def __mul__(self, factor: float) -> Duration:
        return Duration(nanoseconds=self._nanoseconds * factor)

    def __neg__(self) -> Duration:
        return Duration(nanoseconds=-self._nanoseconds)

    def to_msg(self) -> DurationMsg:
        """Return the message of this duration."""
        seconds, nanoseconds = divmod(self._nanoseconds, S_TO_NS)
        return DurationMsg(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: DurationMsg) -> Duration:
        """Return the duration in a message."""
        return cls(nanoseconds=msg.sec * S_TO_NS + msg.nanosec)


Infinite = Duration(nanoseconds=2**63 - 1)
