"""Control table of the Feetech STS3215 as data, and how its numbers lie on the wire.

Source: the vendor's STS memory table and LeRobot's names for the registers. 16-bit values are
little-endian; signed ones are sign-magnitude with the sign in the stated bit.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

STS3215_MODEL = 777
TICKS_PER_TURN = 4096
EEPROM_END = 40
"""Addresses below are EEPROM: stored for good only while `LOCK` is 0."""


class Field(NamedTuple):
    """Where a register lies: address, bytes, sign bit (None = unsigned), writable."""

    address: int
    size: int
    sign_bit: int | None = None
    writable: bool = True


class Register(Enum):
    """Registers this driver or its simulator uses; the value is the `Field`."""

    FIRMWARE_MAJOR = Field(0, 1, writable=False)
    FIRMWARE_MINOR = Field(1, 1, writable=False)
    MODEL_NUMBER = Field(3, 2, writable=False)
    ID = Field(5, 1)
    BAUD_RATE = Field(6, 1)
    RETURN_DELAY_TIME = Field(7, 1)
    RESPONSE_STATUS_LEVEL = Field(8, 1)
    MIN_POSITION_LIMIT = Field(9, 2)
    MAX_POSITION_LIMIT = Field(11, 2)
    MAX_TEMPERATURE_LIMIT = Field(13, 1)
    MAX_VOLTAGE_LIMIT = Field(14, 1)
    MIN_VOLTAGE_LIMIT = Field(15, 1)
    MAX_TORQUE_LIMIT = Field(16, 2)
    PHASE = Field(18, 1)
    UNLOADING_CONDITION = Field(19, 1)
    LED_ALARM_CONDITION = Field(20, 1)
    P_COEFFICIENT = Field(21, 1)
    D_COEFFICIENT = Field(22, 1)
    I_COEFFICIENT = Field(23, 1)
    MINIMUM_STARTUP_FORCE = Field(24, 2)
    CW_DEAD_ZONE = Field(26, 1)
    CCW_DEAD_ZONE = Field(27, 1)
    PROTECTION_CURRENT = Field(28, 2)
    ANGULAR_RESOLUTION = Field(30, 1)
    HOMING_OFFSET = Field(31, 2, sign_bit=11)
    OPERATING_MODE = Field(33, 1)
    PROTECTIVE_TORQUE = Field(34, 1)
    PROTECTION_TIME = Field(35, 1)
    OVERLOAD_TORQUE = Field(36, 1)
    VELOCITY_P = Field(37, 1)
    OVER_CURRENT_TIME = Field(38, 1)
    VELOCITY_I = Field(39, 1)
    TORQUE_ENABLE = Field(40, 1)
    ACCELERATION = Field(41, 1)
    GOAL_POSITION = Field(42, 2, sign_bit=15)
    GOAL_TIME = Field(44, 2, sign_bit=10)
    GOAL_VELOCITY = Field(46, 2, sign_bit=15)
    TORQUE_LIMIT = Field(48, 2)
    LOCK = Field(55, 1)
    PRESENT_POSITION = Field(56, 2, sign_bit=15, writable=False)
    PRESENT_VELOCITY = Field(58, 2, sign_bit=15, writable=False)
    PRESENT_LOAD = Field(60, 2, sign_bit=10, writable=False)
    PRESENT_VOLTAGE = Field(62, 1, writable=False)
    PRESENT_TEMPERATURE = Field(63, 1, writable=False)
    ASYNC_WRITE_PENDING = Field(64, 1, writable=False)
    STATUS = Field(65, 1, writable=False)
    MOVING = Field(66, 1, writable=False)
    PRESENT_CURRENT = Field(69, 2, sign_bit=15, writable=False)
    MAXIMUM_VELOCITY = Field(84, 1)
    MAXIMUM_ACCELERATION = Field(85, 1)

    def __init__(self, address: int, size: int, sign_bit: int | None, writable: bool) -> None:
        # Plain attributes: `value` of an enum member costs more than the rest of a decoding.
        self.address = address
        self.size = size
        self.sign_bit = sign_bit
        self.writable = writable


class Fault(Enum):
    """Bits of a status frame's error byte and of the status register."""

    VOLTAGE = 0x01
    ENCODER = 0x02
    TEMPERATURE = 0x04
    CURRENT = 0x08
    OVERLOAD = 0x20


BAUDRATES = (1_000_000, 500_000, 250_000, 128_000, 115_200, 76_800, 57_600, 38_400)
"""Bits per second by the code in `BAUD_RATE` (vendor)."""

PHASE_FINE_SPEED = 0x04
"""Bit 2 of `PHASE`: speeds count single ticks/s, otherwise `COARSE_SPEED_TICKS_S` (vendor)."""

COARSE_SPEED_TICKS_S = 50.0

PHASE_MULTI_TURN = 0x10
"""Bit 4 of `PHASE`: angle feedback accumulates over turns; LeRobot clears it."""


def fault_names(error: int) -> list[str]:
    """Return the names of every bit that is set in an error byte."""
    names = [fault.name.lower() for fault in Fault if error & fault.value]
    rest = error & ~sum(fault.value for fault in Fault)
    return [*names, f'bit mask 0x{rest:02x}'] if rest else names


def encode(register: Register, value: int) -> bytes:
    """Return the register's bytes for a value.

    Raises:
        ValueError: when the value does not fit.
    """
    size, sign_bit = register.size, register.sign_bit
    raw = value
    if sign_bit is not None:
        if abs(value) >= 1 << sign_bit:
            raise ValueError(f'{register.name}: {value} exceeds {(1 << sign_bit) - 1}')
        raw = abs(value) | 1 << sign_bit if value < 0 else value
    if not 0 <= raw < 1 << 8 * size:
        raise ValueError(f'{register.name}: {value} does not fit into {size} byte(s)')
    return raw.to_bytes(size, 'little')


def decode(register: Register, data: bytes | bytearray, base: int | None = None) -> int:
    """Return the register's value from a block that starts at address `base` (default: its own)."""
    sign_bit = register.sign_bit
    start = 0 if base is None else register.address - base
    raw = int.from_bytes(data[start : start + register.size], 'little')
    if sign_bit is None:
        return raw
    magnitude = raw & (1 << sign_bit) - 1
    return -magnitude if raw >> sign_bit & 1 else magnitude
