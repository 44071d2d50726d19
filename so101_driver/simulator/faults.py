"""Faults that a simulated bus injects into its answers on request.

The room for more kinds is `FaultPlan.apply`: it gets every status frame before it goes onto the
line and returns the bytes that really go there.
"""

from __future__ import annotations

import dataclasses
import random
from enum import Enum


class FaultKind(Enum):
    """What happens to an answer."""

    DROP = 'drop'
    CORRUPT_CHECKSUM = 'corrupt_checksum'
    CORRUPT_LENGTH = 'corrupt_length'
    GARBAGE_BEFORE = 'garbage_before'
    WRONG_ID = 'wrong_id'
    SILENT = 'silent'


@dataclasses.dataclass
class Fault:
    """One kind of fault.

    Attributes:
        kind: What happens.
        servo_id: Whose answers; None for everybody's.
        count: How many answers are hit before the fault is spent; None for ever.
        rate: Chance that an answer is hit, 0..1.
        skip: Answers that pass untouched first.
    """

    kind: FaultKind
    servo_id: int | None = None
    count: int | None = 1
    rate: float = 1.0
    skip: int = 0


class FaultPlan:
    """The faults of one bus, seeded, so that a run can be repeated."""

    def __init__(self, seed: int = 0) -> None:
        self.faults: list[Fault] = []
        self.injected = 0
        self._random = random.Random(seed)

    def add(self, fault: Fault) -> None:
        """Arm a fault."""
        self.faults.append(fault)

    def clear(self) -> None:
        """Disarm all of them."""
        self.faults.clear()

    def is_silent(self, servo_id: int) -> bool:
        """Tell whether a servo is off the bus: it neither obeys nor answers."""
        return any(
            fault.kind is FaultKind.SILENT and fault.servo_id in (None, servo_id)
            for fault in self.faults
        )

    def apply(self, servo_id: int, answer: bytes) -> bytes:
        """Return what really goes onto the line for an answer."""
        for fault in list(self.faults):
            if fault.kind is FaultKind.SILENT or fault.servo_id not in (None, servo_id):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.rate < 1.0 and self._random.random() >= fault.rate:
                continue
            if fault.count is not None:
                fault.count -= 1
                if fault.count <= 0:
                    self.faults.remove(fault)
            self.injected += 1
            answer = self._damage(fault.kind, answer)
        return answer

    def _damage(self, kind: FaultKind, answer: bytes) -> bytes:
        if kind is FaultKind.DROP or not answer:
            return b''
        damaged = bytearray(answer)
        if kind is FaultKind.CORRUPT_CHECKSUM:
            damaged[-1] ^= 0x10
        elif kind is FaultKind.CORRUPT_LENGTH:
            damaged[3] = 40
        elif kind is FaultKind.WRONG_ID:
            damaged[2] ^= 0x40
        elif kind is FaultKind.GARBAGE_BEFORE:
            damaged[:0] = bytes((0x00, 0xFF, 0x31))
        return bytes(damaged)
