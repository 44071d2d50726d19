"""How each kind of fault begins and ends on a simulated bus."""

from __future__ import annotations

import time
from typing import Protocol

from so101_driver.bus.registers import Fault as ErrorBit
from so101_driver.simulator.faults import LINE_KINDS, Fault, FaultKind, FaultPlan
from so101_driver.simulator.line import PseudoTerminal
from so101_driver.simulator.servo import SimulatedServo

NOMINAL_V = 5.0
NOMINAL_C = 30.0
_DEFAULT_VALUES = {FaultKind.VOLTAGE: 12.4, FaultKind.HEAT: 75.0}
_FORCED = {FaultKind.CURRENT: ErrorBit.CURRENT, FaultKind.ENCODER: ErrorBit.ENCODER}


class Bench(Protocol):
    """What a fault can reach."""

    line: PseudoTerminal
    faults: FaultPlan
    servos: dict[int, SimulatedServo]


def begin(bench: Bench, fault: Fault) -> None:
    """Let a fault begin; called from the bus's thread with its lock held."""
    kind = fault.kind
    value = _DEFAULT_VALUES.get(kind, 0.0) if fault.value is None else fault.value
    if kind in LINE_KINDS:
        bench.faults.add(fault)
    elif kind is FaultKind.UNPLUG:
        bench.line.unplug()
    elif kind is FaultKind.POWER_CYCLE and fault.for_s is not None:
        bench.faults.add(fault_of_silence(fault))
    for servo in _servos(bench, fault):
        if kind is FaultKind.VOLTAGE:
            servo.health.supply_v = value
        elif kind is FaultKind.HEAT:
            servo.health.temperature_c = value
        elif kind is FaultKind.OVERLOAD:
            servo.health.is_tripped = True
        elif kind in _FORCED:
            servo.health.forced |= _FORCED[kind].value
        elif kind is FaultKind.EEPROM_LOCK:
            servo.eeprom_is_stuck = True
        elif kind is FaultKind.POWER_CYCLE:
            servo.power_up(time.monotonic_ns())


def end(bench: Bench, fault: Fault) -> None:
    """Let a fault end; an overload stays until the servo's own latch is cleared."""
    kind = fault.kind
    if kind in LINE_KINDS:
        bench.faults.remove(fault)
    elif kind is FaultKind.UNPLUG:
        bench.line.plug()
    elif kind is FaultKind.POWER_CYCLE:
        bench.faults.remove(fault_of_silence(fault))
    for servo in _servos(bench, fault):
        if kind is FaultKind.VOLTAGE:
            servo.health.supply_v = NOMINAL_V
        elif kind is FaultKind.HEAT:
            servo.health.temperature_c = NOMINAL_C
        elif kind in _FORCED:
            servo.health.forced &= ~_FORCED[kind].value
        elif kind is FaultKind.EEPROM_LOCK:
            servo.eeprom_is_stuck = False


def fault_of_silence(fault: Fault) -> Fault:
    """Return what the line sees of servos without supply."""
    return Fault(FaultKind.SILENT, fault.servo_id)


def _servos(bench: Bench, fault: Fault) -> list[SimulatedServo]:
    return [s for i, s in bench.servos.items() if fault.servo_id in (None, i)]
