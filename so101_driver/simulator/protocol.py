"""The servos' side of the protocol: find instructions in the byte stream and answer them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from so101_driver.bus.packets import BROADCAST_ID, HEADER, OVERHEAD, Instruction, checksum, frame
from so101_driver.bus.registers import BAUDRATES, Register
from so101_driver.simulator.faults import Answer, FaultPlan
from so101_driver.simulator.servo import SimulatedServo

_LONGEST_FRAME = 253


class Request(NamedTuple):
    """One instruction frame."""

    servo_id: int
    code: int
    parameters: bytes


class RequestParser:
    """Cut a byte stream into instruction frames; damaged ones are ignored, as servos do."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Request]:
        """Take bytes and yield the complete requests in them."""
        buffer = self._buffer
        buffer += data
        while True:
            start = buffer.find(HEADER)
            if start < 0:
                del buffer[: max(len(buffer) - 1, 0)]
                return
            del buffer[:start]
            if len(buffer) < OVERHEAD:
                return
            length = buffer[3]
            if buffer[2] == 0xFF or not 2 <= length <= _LONGEST_FRAME:
                del buffer[0]
                continue
            if len(buffer) < length + 4:
                return
            body = bytes(buffer[2 : length + 3])
            if buffer[length + 3] != checksum(body):
                del buffer[0]
                continue
            del buffer[: length + 4]
            yield Request(body[0], body[2], body[3:])


class Responder:
    """Answers requests for a set of servos, with faults where they are armed."""

    def __init__(self, servos: Mapping[int, SimulatedServo], faults: FaultPlan) -> None:
        self._servos = servos
        self._faults = faults
        self.line_speed: int | None = None
        """What servos of other speeds cannot hear (bits per second); None = all hear."""

    def answer(self, request: Request, now_ns: int) -> list[Answer]:
        """Do what the request asks and return the answers in the order of the line."""
        frames: list[tuple[int, bytes]] = []
        for servo_id, servo, data in self._replies(request, now_ns):
            answer = frame(servo_id, servo.error, data)
            if frames and frames[-1][0] == servo_id:
                # Two servos of one id talk at the same time: low wins on the wire.
                answer = bytes(a & b for a, b in zip(frames.pop()[1], answer, strict=True))
            frames.append((servo_id, answer))
        return [self._faults.apply(i, request.code, answer) for i, answer in frames]

    def _replies(
        self, request: Request, now_ns: int
    ) -> Iterator[tuple[int, SimulatedServo, bytes]]:
        """Yield the id asked, who answers, and with what; a new id answers as the old one."""
        code, parameters = request.code, request.parameters
        if code == Instruction.SYNC_READ and len(parameters) > 2:
            for servo_id in parameters[2:]:
                for servo in self._addressed(servo_id, code):
                    yield servo_id, servo, servo.read(parameters[0], parameters[1], now_ns)
            return
        if code == Instruction.SYNC_WRITE and len(parameters) > 2:
            width = parameters[1] + 1
            for start in range(2, len(parameters) - width + 1, width):
                for servo in self._addressed(parameters[start], code):
                    servo.write(parameters[0], parameters[start + 1 : start + width], now_ns)
            return
        broadcast = request.servo_id == BROADCAST_ID
        for servo in self._addressed(request.servo_id, code):
            servo_id = servo.id
            data = self._single(servo, code, parameters, now_ns)
            always = code in (Instruction.PING, Instruction.READ)
            if data is None or (broadcast and code != Instruction.PING):
                continue
            if always or servo.answers_writes:
                yield servo_id, servo, data

    def _single(
        self, servo: SimulatedServo, code: int, parameters: bytes, now_ns: int
    ) -> bytes | None:
        """Do one unit's instruction; None for one that it does not know or cannot read."""
        if code == Instruction.PING:
            servo.advance(now_ns)
            return b''
        if code == Instruction.READ and len(parameters) == 2:
            return servo.read(parameters[0], parameters[1], now_ns)
        if code == Instruction.WRITE and len(parameters) > 1:
            servo.write(parameters[0], parameters[1:], now_ns)
            return b''
        if code == Instruction.REG_WRITE and len(parameters) > 1:
            servo.park(parameters[0], parameters[1:])
            return b''
        if code == Instruction.ACTION:
            servo.act(now_ns)
            return b''
        return None

    def _addressed(self, servo_id: int, code: int) -> list[SimulatedServo]:
        """Return the servos that hear a request to an id (ids can change while running)."""
        return [
            servo
            for servo in self._servos.values()
            if servo_id in (BROADCAST_ID, servo.id)
            and self._hears(servo)
            and not self._faults.is_deaf(servo.id, code)
        ]

    def _hears(self, servo: SimulatedServo) -> bool:
        speed, code = self.line_speed, servo.get(Register.BAUD_RATE)
        return speed is None or BAUDRATES[code : code + 1] == (speed,)
