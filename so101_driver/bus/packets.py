"""Frames of the Feetech protocol 0: checksum, building, and finding status frames in a stream.

Instruction: FF FF id length instruction parameters checksum. Status: FF FF id length error data
checksum. Length counts everything after itself; the checksum is the inverted low byte of the sum
from the id on.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum
from typing import NamedTuple

HEADER = b'\xff\xff'
BROADCAST_ID = 254
OVERHEAD = 6
"""Bytes of a status frame without data, and of an instruction without parameters."""

_HIGHEST_ERROR = 0x7F


class Instruction(IntEnum):
    """Instruction codes; the ones that reset or recalibrate are left out on purpose."""

    PING = 0x01
    READ = 0x02
    WRITE = 0x03
    REG_WRITE = 0x04
    ACTION = 0x05
    SYNC_READ = 0x82
    SYNC_WRITE = 0x83


class Status(NamedTuple):
    """One answer: its data and the error bits, which are state and not failure."""

    error: int
    data: bytes


def checksum(body: bytes | bytearray) -> int:
    """Return the checksum of everything between header and checksum."""
    return ~sum(body) & 0xFF


def frame(servo_id: int, code: int, payload: bytes = b'') -> bytes:
    """Build a frame; `code` is the instruction, or the error byte of a status frame."""
    body = bytes((servo_id, len(payload) + 2, code)) + payload
    return HEADER + body + bytes((checksum(body),))


class StatusParser:
    """Collect the status frames of the expected servos from a stream with possible damage.

    Damage never hides what comes after it: a byte that does not begin a valid expected frame is
    skipped and the search goes on with the next one, so that a corrupted length byte cannot
    swallow the frames behind it. `damaged_ids` holds the servos whose frame was recognised but
    damaged; a frame whose id is the damaged byte belongs to nobody.

    Args:
        expected: Servo ids whose answer is awaited, each once.
        data_length: Bytes of data in every answer.
        echo: The request as transmitted. A copy of it at the start of the stream (adapters that
            echo) is put aside: a ping answered with a voltage fault looks the same, so `finish`
            takes it for the answer when nothing else came.
    """

    def __init__(self, expected: Collection[int], data_length: int, echo: bytes = b'') -> None:
        self.replies: dict[int, Status] = {}
        self.damaged = 0
        self.damaged_ids: set[int] = set()
        self.received = 0
        self._expected = frozenset(expected)
        self._length = data_length + 2
        self._total = data_length + OVERHEAD
        self._echo = echo
        self._put_aside = b''
        self._buffer = bytearray()

    @property
    def missing_bytes(self) -> int:
        """How many more bytes are due if nothing else goes wrong."""
        missing = (len(self._expected) - len(self.replies)) * self._total
        return max(missing - len(self._buffer), 0)

    @property
    def complete(self) -> bool:
        """Whether every expected servo has answered."""
        return len(self.replies) == len(self._expected)

    def feed(self, data: bytes) -> None:
        """Take received bytes and parse as far as they go."""
        self._buffer += data
        self.received += len(data)
        buffer = self._buffer
        if self._echo:
            head = bytes(buffer[: len(self._echo)])
            if head == self._echo:
                del buffer[: len(head)]
                self._put_aside, self._echo = self._echo, b''
            elif not self._echo.startswith(head):
                self._echo = b''
            else:
                return
        self._parse()

    def finish(self) -> None:
        """Take what looked like an echo for the answer if no answer came."""
        if self._put_aside and not self.replies:
            self._buffer[:0] = self._put_aside
            self._put_aside = b''
            self._parse()

    def _parse(self) -> None:
        buffer = self._buffer
        total = self._total
        position = 0
        while len(buffer) - position >= total:
            if self._is_frame(buffer, position):
                end = position + total
                self.replies[buffer[position + 2]] = Status(
                    buffer[position + 4], bytes(buffer[position + 5 : end - 1])
                )
                position = end
                continue
            following = buffer.find(HEADER, position + 1)
            self.damaged += 1
            if buffer.startswith(HEADER, position) and buffer[position + 2] in self._expected:
                self.damaged_ids.add(buffer[position + 2])
            position = following if following >= 0 else len(buffer) - 1
        del buffer[:position]

    def _is_frame(self, buffer: bytearray, position: int) -> bool:
        end = position + self._total
        return (
            buffer.startswith(HEADER, position)
            and buffer[position + 2] in self._expected
            and buffer[position + 2] not in self.replies
            and buffer[position + 3] == self._length
            and buffer[position + 4] <= _HIGHEST_ERROR
            and buffer[end - 1] == checksum(buffer[position + 2 : end - 1])
        )
