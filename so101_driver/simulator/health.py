"""Supply, temperature and overload of one simulated servo, and the error bits that follow."""

from __future__ import annotations

import dataclasses

from so101_driver.bus.registers import Fault

LATCHES = ('torque', 'power')
"""What clears an overload: torque off, or only a power cycle (both are reported of real units)."""

_UNIT_NS = 10_000_000  # of the protection time


@dataclasses.dataclass
class Protection:
    """The servo's limits as its registers hold them (raw units)."""

    voltage_min: int
    voltage_max: int
    temperature_max: int
    overload_torque: int
    time: int


@dataclasses.dataclass
class Health:
    """State of one unit.

    Attributes:
        supply_v: Supply voltage.
        temperature_c: Temperature of the motor.
        forced: Error bits that are set whatever else is true.
        latch: What clears an overload, one of `LATCHES`.
        is_tripped: Whether the overload protection has tripped.
    """

    supply_v: float = 5.0
    temperature_c: float = 30.0
    forced: int = 0
    latch: str = LATCHES[0]
    is_tripped: bool = False
    _since_ns: int | None = None

    def error(self, now_ns: int, load: float, protection: Protection) -> int:
        """Return the error bits now; `load` in 0.1 % of duty."""
        if abs(load) <= protection.overload_torque * 10:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = now_ns
        elif now_ns - self._since_ns >= protection.time * _UNIT_NS:
            self.is_tripped = True
        bits = self.forced
        decivolts = round(self.supply_v * 10)
        if not protection.voltage_min <= decivolts <= protection.voltage_max:
            bits |= Fault.VOLTAGE.value
        if self.temperature_c > protection.temperature_max:
            bits |= Fault.TEMPERATURE.value
        if self.is_tripped:
            bits |= Fault.OVERLOAD.value
        return bits

    def torque_off(self) -> None:
        """Do what switching the torque off does to the latch."""
        self._since_ns = None
        if self.latch == LATCHES[0]:
            self.is_tripped = False

    def power_up(self) -> None:
        """Forget what a power cycle clears."""
        self.is_tripped = False
        self._since_ns = None
