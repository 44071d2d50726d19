"""Faults of a simulated bus: what they are, and how they damage its answers.

Faults of answers are applied here, one status frame at a time. Those of servos and of the port
are begun and ended by the bus (`SimulatedBus.inject`).
"""

from __future__ import annotations

import dataclasses
import random
from enum import Enum
from typing import NamedTuple

from so101_driver.bus.packets import Instruction


class FaultKind(Enum):
    """What goes wrong."""

    # Answers.
    DROP = 'drop'
    CORRUPT_CHECKSUM = 'corrupt'
    CORRUPT_LENGTH = 'corrupt_length'
    GARBAGE_BEFORE = 'garbage_before'
    GARBAGE_AFTER = 'garbage_after'
    WRONG_ID = 'wrong_id'
    DELAY = 'delay'
    DUPLICATE = 'duplicate'
    # Requests.
    DEAF = 'deaf'
    SILENT = 'silent'
    # Servos.
    VOLTAGE = 'voltage'
    HEAT = 'heat'
    OVERLOAD = 'overload'
    CURRENT = 'current'
    ENCODER = 'encoder'
    EEPROM_LOCK = 'eeprom_lock'
    POWER_CYCLE = 'power_cycle'
    # The port.
    UNPLUG = 'unplug'


ANSWER_KINDS = frozenset(list(FaultKind)[: list(FaultKind).index(FaultKind.DEAF)])
LINE_KINDS = ANSWER_KINDS | {FaultKind.DEAF, FaultKind.SILENT}
"""Kinds that act on requests and answers one by one; count, rate and skip mean something."""


@dataclasses.dataclass
class Fault:
    """One fault.

    Attributes:
        kind: What happens.
        servo_id: Whose; None for everybody's. Meaningless for the port.
        count: How many answers (`deaf`: requests) are hit before the fault is spent; None = all.
        rate: Chance that one is hit, 0..1.
        skip: How many pass untouched first.
        instruction: Hit only what belongs to this instruction; None for all.
        at_s: How long after it is injected it begins.
        for_s: How long it lasts; None = until it is cleared. Of a power cycle or an unplugged
            port: how long it is off.
        delay_s: Of a delayed answer.
        value: Of `voltage` (V) and `heat` (degrees C).
    """

    kind: FaultKind
    servo_id: int | None = None
    count: int | None = 1
    rate: float = 1.0
    skip: int = 0
    instruction: Instruction | None = None
    at_s: float = 0.0
    for_s: float | None = None
    delay_s: float = 0.005
    value: float | None = None


class Answer(NamedTuple):
    """What goes onto the line for one status frame.

    Attributes:
        data: The bytes; none when the answer is lost.
        wire_bytes: How many bytes of time it takes all the same.
        delay_s: How much later than usual it comes.
    """

    data: bytes
    wire_bytes: int
    delay_s: float = 0.0


class FaultPlan:
    """The faults of the line of one bus, seeded, so that a run can be repeated."""

    def __init__(self, seed: int = 0) -> None:
        self.faults: list[Fault] = []
        self.injected = 0
        self._random = random.Random(seed)

    def add(self, fault: Fault) -> None:
        """Arm a fault of the line."""
        self.faults.append(fault)

    def remove(self, fault: Fault) -> None:
        """Disarm one; one that is spent is gone already."""
        if fault in self.faults:
            self.faults.remove(fault)

    def clear(self) -> None:
        """Disarm all of them."""
        self.faults.clear()

    def is_deaf(self, servo_id: int, code: int) -> bool:
        """Tell whether a servo misses this request: it neither obeys nor answers."""
        for fault in list(self.faults):
            if fault.servo_id not in (None, servo_id):
                continue
            if fault.kind is FaultKind.SILENT:
                return True
            if fault.kind is FaultKind.DEAF and self._hits(fault, code):
                return True
        return False

    def apply(self, servo_id: int, code: int, answer: bytes) -> Answer:
        """Return what really goes onto the line for a servo's answer to an instruction."""
        data, delay_s = answer, 0.0
        for fault in list(self.faults):
            if fault.kind not in ANSWER_KINDS or fault.servo_id not in (None, servo_id):
                continue
            if not self._hits(fault, code):
                continue
            if fault.kind is FaultKind.DELAY:
                delay_s += fault.delay_s
            else:
                data = _damaged(fault.kind, data)
        return Answer(data, max(len(answer), len(data)), delay_s)

    def _hits(self, fault: Fault, code: int) -> bool:
        """Decide whether a fault strikes now, and use it up."""
        if fault.instruction not in (None, code):
            return False
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if fault.rate < 1.0 and self._random.random() >= fault.rate:
            return False
        if fault.count is not None:
            fault.count -= 1
            if fault.count <= 0:
                self.remove(fault)
        self.injected += 1
        return True


def _damaged(kind: FaultKind, answer: bytes) -> bytes:
    if kind is FaultKind.DROP or not answer:
        return b''
    if kind is FaultKind.DUPLICATE:
        return answer + answer
    damaged = bytearray(answer)
    if kind is FaultKind.CORRUPT_CHECKSUM:
        damaged[-1] ^= 0x10
    elif kind is FaultKind.CORRUPT_LENGTH:
        damaged[3] = 40
    elif kind is FaultKind.WRONG_ID:
        damaged[2] ^= 0x40
    elif kind is FaultKind.GARBAGE_BEFORE:
        damaged[:0] = bytes((0x00, 0xFF, 0x31))
    elif kind is FaultKind.GARBAGE_AFTER:
        damaged += bytes((0xFF, 0xFF, 0x07))
    return bytes(damaged)
