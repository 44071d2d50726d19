"""Temperature, voltage, load and current of a servo, and when they are worth a warning.

Register units (vendor table): 1 degree C, 0.1 V, 0.1 % of PWM duty with sign, 6.5 mA.
"""

from __future__ import annotations

import dataclasses
from enum import IntEnum
from typing import NamedTuple

from so101_driver.bus.registers import Register, decode

VOLT_UNIT = 0.1
DUTY_UNIT = 0.001
AMPERE_UNIT = 0.0065


class Level(IntEnum):
    """Severity, with the numbers of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


class Finding(NamedTuple):
    """A sentence about one joint, and how bad it is."""

    level: Level
    text: str


class JointTelemetry(NamedTuple):
    """One servo's condition; `load_duty` is a PWM duty of -1..1 and no torque."""

    temperature_c: float
    voltage_v: float
    load_duty: float
    current_a: float


class ServoLimits(NamedTuple):
    """The limits in a servo's EEPROM, at which it sets its error bits."""

    temperature_max_c: float = 70.0
    voltage_max_v: float = 8.0
    voltage_min_v: float = 4.0


@dataclasses.dataclass(frozen=True)
class TelemetryLimits:
    """When to warn. A voltage of 0 means the limit in the servo itself."""

    temperature_warn_c: float = 55.0
    temperature_error_c: float = 65.0
    voltage_low_v: float = 0.0
    voltage_high_v: float = 0.0
    current_warn_a: float = 1.5
    load_warn_duty: float = 0.9


def decode_telemetry(data: bytes, base: int) -> JointTelemetry:
    """Read a block that starts at address `base` and reaches to the current."""
    return JointTelemetry(
        float(decode(Register.PRESENT_TEMPERATURE, data, base)),
        decode(Register.PRESENT_VOLTAGE, data, base) * VOLT_UNIT,
        decode(Register.PRESENT_LOAD, data, base) * DUTY_UNIT,
        decode(Register.PRESENT_CURRENT, data, base) * AMPERE_UNIT,
    )


def judge(
    joint: str, now: JointTelemetry, own: ServoLimits, limits: TelemetryLimits
) -> list[Finding]:
    """Return what is worth saying; sentences hold limits, not values, so that they stand still."""
    found = []
    if now.temperature_c >= limits.temperature_error_c:
        found.append(
            Finding(
                Level.ERROR,
                f'{joint}: hotter than {limits.temperature_error_c:g} C, the servo stops at '
                f'{own.temperature_max_c:g} C; release the torque and let it cool down',
            )
        )
    elif now.temperature_c >= limits.temperature_warn_c:
        found.append(
            Finding(
                Level.WARN, f'{joint}: hotter than {limits.temperature_warn_c:g} C; let it rest'
            )
        )
    low_v = limits.voltage_low_v or own.voltage_min_v
    high_v = limits.voltage_high_v or own.voltage_max_v
    if now.voltage_v < low_v:
        text = f'{joint}: supply below {low_v:g} V; use a stronger adapter, check the cables'
        found.append(Finding(Level.WARN, text))
    if now.voltage_v > high_v:
        text = f'{joint}: supply above {high_v:g} V; this is the wrong adapter for these servos'
        found.append(Finding(Level.WARN, text))
    if abs(now.current_a) > limits.current_warn_a:
        text = f'{joint}: draws more than {limits.current_warn_a:g} A; is it blocked?'
        found.append(Finding(Level.WARN, text))
    if abs(now.load_duty) > limits.load_warn_duty:
        text = f'{joint}: works above {limits.load_warn_duty:.0%} of its power; is it blocked?'
        found.append(Finding(Level.WARN, text))
    return found
