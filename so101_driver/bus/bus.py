"""The servo bus: whole transactions with one owner, retries, and an answer for each servo.

The SDK frames and transmits; receiving is done here, because the SDK drops error bytes and stops
at the first bad answer of a sync read. Half-duplex rule: nothing is transmitted while an answer
may still come, so a failed transaction waits for silence before it is tried again.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import scservo_sdk

from so101_driver.bus.packets import OVERHEAD, Instruction, Status, StatusParser
from so101_driver.bus.registers import Register, decode, encode
from so101_driver.bus.serial_port import DEFAULT_BAUDRATE, SerialPort
from so101_driver.common.errors import LinkError, ServoError

DEFAULT_RETRIES = 2
_SILENCE_S = 0.002
_SETTLE_LIMIT_S = 0.05
_GAP_S = 0.008  # within one answer: far above what servos and USB need, far below a silent servo's
_RETURN_DELAY_S = 0.0005  # the longest that a servo may be told to wait before it answers
_LITTLE_ENDIAN = 0
_ANY_AMOUNT = 4096


@dataclasses.dataclass
class ServoCounters:
    """What happened to one servo's transactions since the bus was made.

    Attributes:
        reads, writes: Answered reads and pings; writes, acknowledged or not.
        retries: Repeated attempts.
        timeouts, checksum_errors: Attempts in which the answer stayed out, or came damaged.
        failures: Transactions given up.
        flagged: Answers with an error bit set.
        error: The error byte of the last answer.
    """

    reads: int = 0
    writes: int = 0
    retries: int = 0
    timeouts: int = 0
    checksum_errors: int = 0
    failures: int = 0
    flagged: int = 0
    error: int = 0


class SyncReading(NamedTuple):
    """Answers of a sync read by servo id, the ids that stayed silent, and how often it retried."""

    replies: Mapping[int, Status]
    missing: tuple[int, ...]
    retries: int


class ServoBus:
    """One serial bus with its servos. Every method is one locked transaction (or several).

    Args:
        port_name: Device path.
        baudrate: Bits per second.
        answer_timeout_s: Grace beyond the wire time of an answer.
    """

    def __init__(
        self,
        port_name: str,
        baudrate: int = DEFAULT_BAUDRATE,
        answer_timeout_s: float = 0.05,
    ) -> None:
        self.port = SerialPort(port_name, baudrate, answer_timeout_s)
        self.counters: dict[int, ServoCounters] = {}
        self.damaged_bytes = 0
        self._sdk = scservo_sdk.PacketHandler(_LITTLE_ENDIAN)
        self._lock = threading.RLock()

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return bool(self.port.is_open)

    def open(self) -> None:
        """Open the port.

        Raises:
            LinkError: when that is impossible, with the reason.
        """
        with self._lock:
            self.port.openPort()

    def close(self) -> None:
        """Close the port; closing twice is fine."""
        with self._lock:
            self.port.closePort()

    def ping(self, servo_id: int, retries: int = DEFAULT_RETRIES) -> int | None:
        """Return the servo's error byte, or None when it stays silent."""
        packet = [0] * OVERHEAD
        packet[2:5] = [servo_id, 2, int(Instruction.PING)]
        found = self._transact(
            lambda _: self._sdk.txPacket(self.port, packet), [servo_id], 0, retries
        )
        return None if found.missing else found.replies[servo_id].error

    def read(self, servo_id: int, register: Register, retries: int = DEFAULT_RETRIES) -> int:
        """Return one register's value.

        Raises:
            ServoError: when the servo stays silent.
            LinkError: when the port is gone.
        """
        return decode(register, self.read_block(servo_id, register, register.size, retries))

    def read_block(
        self, servo_id: int, first: Register, length: int, retries: int = DEFAULT_RETRIES
    ) -> bytes:
        """Return `length` bytes from a register on, in one transaction.

        Raises:
            ServoError: when the servo stays silent.
        """
        found = self._transact(
            lambda _: self._sdk.readTx(self.port, servo_id, first.address, length),
            [servo_id],
            length,
            retries,
        )
        if found.missing:
            raise ServoError(f'servo {servo_id} did not answer a read of {first.name}')
        return found.replies[servo_id].data

    def write(
        self, servo_id: int, register: Register, value: int, retries: int = DEFAULT_RETRIES
    ) -> int:
        """Write one register, acknowledged, and return the servo's error byte.

        Raises:
            ServoError: when no acknowledgement came.
        """
        data = list(encode(register, value))
        found = self._transact(
            lambda _: self._sdk.writeTxOnly(self.port, servo_id, register.address, len(data), data),
            [servo_id],
            0,
            retries,
            writes=True,
        )
        if found.missing:
            raise ServoError(f'servo {servo_id} did not acknowledge {register.name} = {value}')
        return found.replies[servo_id].error

    def sync_read(
        self, ids: Sequence[int], first: Register, length: int, retries: int = DEFAULT_RETRIES
    ) -> SyncReading:
        """Read a block of every servo; a retry asks only those that have not answered."""
        return self._transact(
            lambda wanted: self._sdk.syncReadTx(
                self.port, first.address, length, wanted, len(wanted)
            ),
            ids,
            length,
            retries,
        )

    def sync_write(self, register: Register, values: Mapping[int, int]) -> None:
        """Write one register of many servos at once; nobody acknowledges."""
        payload: list[int] = []
        for servo_id, value in values.items():
            payload.append(servo_id)
            payload += encode(register, value)
        with self._lock:
            try:
                result = self._sdk.syncWriteTxOnly(
                    self.port, register.address, register.size, payload, len(payload)
                )
            finally:
                self.port.is_using = False
            self._check_sent(result)
            for servo_id in values:
                self._counters(servo_id).writes += 1

    def _transact(
        self,
        send: Callable[[list[int]], int],
        ids: Iterable[int],
        data_length: int,
        retries: int,
        writes: bool = False,
    ) -> SyncReading:
        """Send and collect, again for those that failed, with silence in between."""
        wanted = list(ids)
        replies: dict[int, Status] = {}
        attempt = 0
        with self._lock:
            while True:
                parser = self._attempt(send, wanted, data_length)
                self._count(parser, wanted, writes)
                replies.update(parser.replies)
                if parser.complete:
                    return SyncReading(replies, (), attempt)
                wanted = [servo_id for servo_id in wanted if servo_id not in replies]
                self._settle()
                if attempt >= retries:
                    break
                attempt += 1
                for servo_id in wanted:
                    self._counters(servo_id).retries += 1
            for servo_id in wanted:
                self._counters(servo_id).failures += 1
        return SyncReading(replies, tuple(wanted), attempt)

    def _attempt(
        self, send: Callable[[list[int]], int], wanted: list[int], data_length: int
    ) -> StatusParser:
        """Transmit once and parse until everything came, or nothing more is to be expected."""
        port = self.port
        try:
            self._check_sent(send(wanted))
            port.is_using = True  # the SDK clears it too early
            parser = StatusParser(wanted, data_length, port.last_packet)
            wire_s = len(wanted) * ((OVERHEAD + data_length) * port.byte_time_s + _RETURN_DELAY_S)
            deadline = time.monotonic() + wire_s + port.answer_timeout_s
            expected = len(wanted) * (OVERHEAD + data_length)
            while not parser.complete:
                # Once all bytes have come, some of them damaged, only stragglers can follow.
                limit_s = wire_s + _GAP_S if parser.received < expected else _SILENCE_S
                left_s = min(deadline - time.monotonic(), limit_s)
                due = max(parser.missing_bytes, 1)
                data = port.receive(due, left_s)
                parser.feed(data)
                if len(data) < due and (parser.received or time.monotonic() >= deadline):
                    break
            parser.finish()
        finally:
            port.is_using = False
        return parser

    def _count(self, parser: StatusParser, wanted: list[int], writes: bool) -> None:
        """Book one attempt to the servos it asked."""
        self.damaged_bytes += parser.damaged
        for servo_id in wanted:
            counters = self._counters(servo_id)
            status = parser.replies.get(servo_id)
            if status is None:
                if servo_id in parser.damaged_ids:
                    counters.checksum_errors += 1
                else:
                    counters.timeouts += 1
                continue
            if writes:
                counters.writes += 1
            else:
                counters.reads += 1
            counters.error = status.error
            if status.error:
                counters.flagged += 1

    def _settle(self) -> None:
        """Wait until the line is silent and drop what came."""
        deadline = time.monotonic() + _SETTLE_LIMIT_S
        while time.monotonic() < deadline and self.port.receive(_ANY_AMOUNT, _SILENCE_S):
            pass

    def _check_sent(self, result: int) -> None:
        if result != scservo_sdk.COMM_SUCCESS:
            text = self._sdk.getTxRxResult(result)
            raise LinkError(f'{self.port.port_name}: not transmitted: {text}')

    def _counters(self, servo_id: int) -> ServoCounters:
        return self.counters.setdefault(servo_id, ServoCounters())
