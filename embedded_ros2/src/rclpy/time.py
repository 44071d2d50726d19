"""Points in time."""

from __future__ import annotations

from typing import Any

from builtin_interfaces.msg import Time as TimeMsg
from rclpy.clock_type import ClockType
from rclpy.duration import S_TO_NS, Duration


class Time:
    """A point in time of one kind of clock, in integer nanoseconds."""

    def __init__(
        self,
        *,
        seconds: float = 0,
        nanoseconds: float = 0,
        clock_type: ClockType = ClockType.SYSTEM_TIME,
    ) -> None:
        if seconds < 0:
            raise ValueError('Seconds value must not be negative')
        if nanoseconds < 0:
            raise ValueError('Nanoseconds value must not be negative')
        total = int(seconds * S_TO_NS) + int(nanoseconds)
        if total >= 2**63:
            raise OverflowError('Total nanoseconds value is too large to store in C time point.')
        self._nanoseconds = total
        self._clock_type = ClockType(clock_type)

    @property
    def nanoseconds(self) -> int:
        """Nanoseconds since the clock's epoch."""
        return self._nanoseconds

    @property
    def clock_type(self) -> ClockType:
        """Kind of clock the time belongs to."""
        return self._clock_type

    def seconds_nanoseconds(self) -> tuple[int, int]:
        """Return whole seconds and the nanoseconds beyond them."""
        return divmod(self._nanoseconds, S_TO_NS)

    def __repr__(self) -> str:
        return f'Time(nanoseconds={self._nanoseconds}, clock_type={self._clock_type.name})'

    def __hash__(self) -> int:
        return hash((self._nanoseconds, self._clock_type))

    def __add__(self, other: Duration) -> Time:
        if not isinstance(other, Duration):
            return NotImplemented
        return Time(nanoseconds=self._nanoseconds + other.nanoseconds, clock_type=self._clock_type)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Time):
            self._require_same_clock(other, 'subtract')
            return Duration(nanoseconds=self._nanoseconds - other._nanoseconds)
        if isinstance(other, Duration):
            return Time(
                nanoseconds=self._nanoseconds - other.nanoseconds, clock_type=self._clock_type
            )
        return NotImplemented

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        self._require_same_clock(other)
        return self._nanoseconds == other._nanoseconds

    def __lt__(self, other: Time) -> bool:
        self._require_same_clock(other)
        return self._nanoseconds < other._nanoseconds

    def __le__(self, other: Time) -> bool:
        self._require_same_clock(other)
        return self._nanoseconds <= other._nanoseconds

    def __gt__(self, other: Time) -> bool:
        self._require_same_clock(other)
        return self._nanoseconds > other._nanoseconds

    def __ge__(self, other: Time) -> bool:
        self._require_same_clock(other)
        return self._nanoseconds >= other._nanoseconds

    def _require_same_clock(self, other: Any, verb: str = 'compare') -> None:
        if not isinstance(other, Time):
            raise TypeError(f"Can't {verb} a Time with {type(other).__name__}")
        if self._clock_type != other._clock_type:
            raise TypeError(f"Can't {verb} times with different clock types")

    def to_msg(self) -> TimeMsg:
        """Return the message of this time."""
        seconds, nanoseconds = self.seconds_nanoseconds()
        return TimeMsg(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: TimeMsg, clock_type: ClockType = ClockType.ROS_TIME) -> Time:
        """Return the time in a message."""
        if not isinstance(msg, TimeMsg):
            raise TypeError('Must pass a builtin_interfaces.msg.Time object')
        return cls(seconds=msg.sec, nanoseconds=msg.nanosec, clock_type=clock_type)
