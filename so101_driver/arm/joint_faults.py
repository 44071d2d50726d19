"""What a servo's error bits mean for a person: the joint's name, the cause and the cure.

The bits are state, not failure: a servo in overload goes on answering with valid data. Bits from
the vendor's table; the cures from reports of SO-101 users.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from so101_driver.arm.joints import JOINTS, FloatArray
from so101_driver.bus.registers import Fault, fault_names

TRIPPED = Fault.TEMPERATURE.value | Fault.CURRENT.value | Fault.OVERLOAD.value | Fault.ENCODER.value
"""Bits with which a servo no longer drives its joint as it is told."""

_CURES = {
    Fault.VOLTAGE: 'the supply is outside what the servo allows; check adapter (5 V for 7.4 V '
    'servos, 12 V for 12 V servos) and cables',
    Fault.ENCODER: 'its angle sensor fails; switch the supply off and on, then replace the servo',
    Fault.TEMPERATURE: 'it is too hot; let it cool down, then call ~/clear_fault',
    Fault.CURRENT: 'it drew too much current; free the joint, then call ~/clear_fault',
    Fault.OVERLOAD: 'it pushed too hard for too long; free the joint, then call ~/clear_fault',
}


def fault_text(joint: str, error: int) -> str:
    """Return one sentence: joint, faults, and what to do about the worst of them."""
    cures = [_CURES[fault] for fault in _CURES if error & fault.value]
    text = f'{joint}: {", ".join(fault_names(error))}'
    return f'{text}: {cures[-1]}' if cures else text


class TripHold:
    """Keeps the goal of a tripped joint at the pose in which it tripped.

    Otherwise the joint would leap to wherever its goal has gone meanwhile, once the servo drives
    again. It stays held until the fault is cleared, by a person.
    """

    def __init__(self) -> None:
        self._held_rad: dict[int, float] = {}

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints that are held."""
        return tuple(JOINTS[index] for index in sorted(self._held_rad))

    def limit(
        self, goal_rad: FloatArray, present_rad: FloatArray, errors: NDArray[np.int64]
    ) -> FloatArray:
        """Return the goals with tripped joints held; all arrays in joint order."""
        if np.any(errors & TRIPPED):
            for index in np.flatnonzero(errors & TRIPPED):
                self._held_rad.setdefault(int(index), float(present_rad[index]))
        for joint, held_rad in self._held_rad.items():
            goal_rad[joint] = held_rad
        return goal_rad

    def release(self) -> None:
        """Follow again from now on."""
        self._held_rad.clear()
