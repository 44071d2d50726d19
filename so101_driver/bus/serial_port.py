"""The SDK's PortHandler with its defects cured, so that every SDK call works on it unharmed.

What differs from `scservo_sdk.PortHandler`: monotonic clock, exclusive open, stale input discarded
before each request, reads that sleep until bytes come instead of spinning, every failure of the
device reported as `LinkError`.
"""

from __future__ import annotations

import os
import select
import termios
import time
from typing import Any

import scservo_sdk
import serial

from so101_driver.bus.registers import BAUDRATES
from so101_driver.common.errors import LinkError

DEFAULT_BAUDRATE = 1_000_000
BITS_PER_BYTE = 10
_WRITE_TIMEOUT_S = 0.5
_LARGEST_VMIN = 255
_CONTROL_CHARACTERS = 6  # index in the list that termios works with
_DEVICE_ERRORS = (OSError, serial.SerialException, termios.error)


class SerialPort(scservo_sdk.PortHandler):
    """A serial port for the SDK's packet handler, owned by one thread at a time.

    Args:
        port_name: Device path.
        baudrate: Bits per second, one of the SDK's list.
        answer_timeout_s: How long an answer may take beyond its bytes' time on the wire. LeRobot
            allows 50 ms too; a busy machine needs it, a healthy bus never does.
    """

    def __init__(
        self,
        port_name: str,
        baudrate: int = DEFAULT_BAUDRATE,
        answer_timeout_s: float = 0.05,
    ) -> None:
        super().__init__(port_name)
        self.is_open = False
        self.baudrate = baudrate
        self.answer_timeout_s = answer_timeout_s
        self.last_packet = b''
        self._poll = select.poll()
        self._descriptor = -1
        self._line_settings: list[Any] = []

    @property
    def byte_time_s(self) -> float:
        """Time of one byte on the wire."""
        return BITS_PER_BYTE / float(self.baudrate)

    def openPort(self) -> bool:  # noqa: N802  (the SDK's name)
        """Open the device exclusively.

        Raises:
            LinkError: when it is missing, not permitted, in use or of an unsupported speed.
        """
        if not super().openPort():
            raise LinkError(f'{self.port_name}: baud rate {self.baudrate} is not supported')
        return True

    def getCFlagBaud(self, baudrate: int) -> int:  # noqa: N802
        """Return a speed that can be set, or -1; the SDK's list lacks one that servos have."""
        return baudrate if baudrate in BAUDRATES else int(super().getCFlagBaud(baudrate))

    def setupPort(self, cflag_baud: int) -> bool:  # noqa: N802
        """Open the device at a speed that the SDK has accepted."""
        if self.is_open:
            self.closePort()
        try:
            self.ser = serial.Serial(
                port=self.port_name,
                baudrate=cflag_baud,
                timeout=0,
                write_timeout=_WRITE_TIMEOUT_S,
                exclusive=True,
            )
        except _DEVICE_ERRORS as error:
            raise LinkError(_open_problem(self.port_name, error)) from error
        self._descriptor = self.ser.fileno()
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        self._line_settings = termios.tcgetattr(self._descriptor)
        self.is_open = True
        self.is_using = False
        self.tx_time_per_byte = self.byte_time_s * 1000.0
        return True

    def closePort(self) -> None:  # noqa: N802
        """Close the device; closing twice or after an unplug is fine."""
        self.is_open = False
        self.is_using = False
        self._descriptor = -1
        if self.ser is not None:
            try:
                self.ser.close()
            except _DEVICE_ERRORS:  # an unplugged device cannot be restored, and need not be
                self.ser.fd = None
            self.ser = None

    def clearPort(self) -> None:  # noqa: N802
        """Discard stale input; the SDK calls this right before it transmits.

        The SDK drains the output here instead, which leaves late answers in the buffer to be
        taken for those of the next request.
        """
        try:
            termios.tcflush(self._open_descriptor(), termios.TCIFLUSH)
        except _DEVICE_ERRORS as error:
            raise self._gone(error) from error

    def readPort(self, length: int) -> bytes:  # noqa: N802
        """Return up to `length` bytes, sleeping until the packet deadline for the first one."""
        remaining_ms = self.packet_timeout - self.getTimeSinceStart()
        return self.receive(length, max(remaining_ms, 0.0) / 1000.0)

    def receive(self, length: int, timeout_s: float) -> bytes:
        """Return `length` bytes when all are there, or what has come when the time is over.

        The kernel wakes this process once for the whole answer (VMIN), not for every piece.

        Raises:
            LinkError: when the device is gone.
        """
        if length <= 0:
            return b''
        descriptor = self._open_descriptor()
        try:
            self._wake_at(min(length, _LARGEST_VMIN))
            # poll counts milliseconds; rounding up keeps a short rest from becoming a spin.
            is_ready = self._poll.poll(int(timeout_s * 1000.0) + 1 if timeout_s > 0 else 0)
            data = _read_available(descriptor, length)
        except _DEVICE_ERRORS as error:
            raise self._gone(error) from error
        if is_ready and not data:
            raise LinkError(f'{self.port_name}: the device is gone')
        return data

    def _wake_at(self, count: int) -> None:
        """Let `poll` wait for that many bytes; set only when it changes."""
        control = self._line_settings[_CONTROL_CHARACTERS]
        if control[termios.VMIN] != count:
            control[termios.VMIN], control[termios.VTIME] = count, 0
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._line_settings)

    def writePort(self, packet: list[int] | bytes) -> int:  # noqa: N802
        """Transmit a packet and return how many bytes went out."""
        data = self.last_packet = bytes(packet)
        try:
            written = os.write(self._open_descriptor(), data)
            while written < len(data):
                written += int(self.ser.write(data[written:]))
        except _DEVICE_ERRORS as error:
            raise self._gone(error) from error
        return written

    def setPacketTimeout(self, packet_length: int) -> None:  # noqa: N802
        """Start the deadline of an answer of that many bytes."""
        self.packet_start_time = self.getCurrentTime()
        wire_s = self.byte_time_s * packet_length
        self.packet_timeout = (wire_s + self.answer_timeout_s) * 1000.0

    def getCurrentTime(self) -> float:  # noqa: N802
        """Monotonic time in ms; the SDK's wall clock jumps."""
        return time.monotonic() * 1000.0

    def getTimeSinceStart(self) -> float:  # noqa: N802
        """Milliseconds since the deadline was started."""
        return self.getCurrentTime() - float(self.packet_start_time)

    def _open_descriptor(self) -> int:
        if self._descriptor < 0:
            raise LinkError(f'{self.port_name}: the port is not open')
        return self._descriptor

    def _gone(self, error: Any) -> LinkError:
        return LinkError(f'{self.port_name}: the device is gone ({error})')


def _read_available(descriptor: int, length: int) -> bytes:
    """Read what is there, up to a length; the kernel hands out 64 bytes at a time."""
    data = b''
    while len(data) < length:
        try:
            piece = os.read(descriptor, length - len(data))
        except BlockingIOError:
            break
        if not piece:
            break
        data += piece
    return data


def _open_problem(port_name: str, error: BaseException) -> str:
    """Say why a port cannot be opened, with the cure where it is known."""
    number = getattr(error, 'errno', None)
    text = str(error)
    if number == 2 or 'No such file' in text:
        return f'{port_name}: no such device; is the arm plugged in and powered?'
    if number == 13 or 'Permission denied' in text:
        return f'{port_name}: permission denied; add the user to the group "dialout"'
    if 'exclusively lock' in text or number in (11, 16):
        return f'{port_name}: in use by another process'
    return f'{port_name}: cannot be opened: {error}'
