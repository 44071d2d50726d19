"""What happens to the servos before an arm may be used: identity, calibration, configuration.

The configured values are LeRobot's, so that an arm behaves the same under both. Everything is read
first and written only where it differs: the cells wear out, and an arm that already is as it
should be is not touched.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import NamedTuple

from so101_driver.arm.calibration import Calibration
from so101_driver.arm.joint_faults import fault_text
from so101_driver.arm.joints import GRIPPER
from so101_driver.arm.telemetry import VOLT_UNIT, ServoLimits
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import (
    COARSE_SPEED_TICKS_S,
    EEPROM_END,
    PHASE_FINE_SPEED,
    PHASE_MULTI_TURN,
    STS3215_MODEL,
    Register,
    decode,
)
from so101_driver.common.errors import CalibrationError, ServoError

FOLLOWER = 'follower'
LEADER = 'leader'

_ACCELERATION = 254
_COMMON = {
    Register.RETURN_DELAY_TIME: 0,
    Register.MAXIMUM_ACCELERATION: _ACCELERATION,
    Register.OPERATING_MODE: 0,
}
_FOLLOWER = {
    Register.P_COEFFICIENT: 16,
    Register.I_COEFFICIENT: 0,
    Register.D_COEFFICIENT: 32,
}
_FOLLOWER_GRIPPER = {
    Register.MAX_TORQUE_LIMIT: 500,
    Register.PROTECTION_CURRENT: 250,
    Register.OVERLOAD_TORQUE: 25,
}
_MOVES_THE_FRAME = (Register.OPERATING_MODE, Register.PHASE, Register.HOMING_OFFSET)
_SETUP_RETRIES = 4
_IMAGE = (
    (Register.FIRMWARE_MAJOR, EEPROM_END),
    (Register.TORQUE_ENABLE, Register.LOCK.address + 1 - EEPROM_END),
    (Register.MAXIMUM_ACCELERATION, 1),
)


class Image:
    """The registers of one servo, read at once instead of one by one.

    Block reads of consecutive registers: EEPROM, RAM up to the lock, the acceleration's limit.
    """

    def __init__(self, bus: ServoBus, servo_id: int) -> None:
        self._blocks = [
            (first.address, bus.read_block(servo_id, first, length, _SETUP_RETRIES))
            for first, length in _IMAGE
        ]

    def __getitem__(self, register: Register) -> int:
        """Return a register's value at the time of reading."""
        for base, data in self._blocks:
            if base <= register.address < base + len(data):
                return decode(register, data, base)
        raise KeyError(register)


class Mismatch(NamedTuple):
    """A calibration value that differs between a servo and the file."""

    joint: str
    register: Register
    in_servo: int
    in_file: int

    def __str__(self) -> str:
        return (
            f'{self.joint}: {self.register.name} is {self.in_servo} in the servo '
            f'but {self.in_file} in the file'
        )


def inspect(
    bus: ServoBus, calibration: Calibration, patience_s: float = 0.0
) -> tuple[dict[str, Image], list[str]]:
    """Ask every servo who it is; return its registers by joint, and warnings.

    Silent servos are asked again for `patience_s`.

    Warnings are faults and differing firmware, which LeRobot takes for missing servos or refuses.

    Raises:
        ServoError: listing every silent servo and every wrong model at once.
    """
    problems, warnings = [], []
    images: dict[str, Image] = {}
    first_silent = ''
    errors, damaged = _ping(bus, calibration.ids.values(), patience_s)
    for joint, servo_id in calibration.ids.items():
        name = f'{joint} (id {servo_id})'
        error = errors.get(servo_id)
        if error is None:
            problems.append(
                f'{name} answers with damaged bytes: perhaps two servos have its id'
                if servo_id in damaged
                else f'{name} does not answer'
            )
            first_silent = first_silent or joint
            continue
        if error:
            warnings.append(fault_text(name, error))
        image = images[joint] = Image(bus, servo_id)
        model = image[Register.MODEL_NUMBER]
        if model != STS3215_MODEL:
            problems.append(f'{name} is model {model}, not an STS3215 ({STS3215_MODEL})')
    if problems:
        cure = (
            f'; check power and the 3-pin cable that leads to {first_silent}'
            if first_silent
            else ''
        )
        raise ServoError(f'{bus.port.port_name}: ' + '; '.join(problems) + cure)
    firmware = {
        joint: f'{image[Register.FIRMWARE_MAJOR]}.{image[Register.FIRMWARE_MINOR]}'
        for joint, image in images.items()
    }
    if len(set(firmware.values())) > 1:
        listed = ', '.join(f'{joint} {version}' for joint, version in firmware.items())
        warnings.append(f'the servos have different firmware: {listed}')
    return images, warnings


def _ping(
    bus: ServoBus, ids: Collection[int], patience_s: float
) -> tuple[dict[int, int], set[int]]:
    """Return the error bytes of the servos that answer, and which others sent damaged bytes."""
    errors: dict[int, int] = {}
    damaged: set[int] = set()
    end = time.monotonic() + patience_s
    while True:
        for servo_id in ids:
            if servo_id in errors:
                continue
            damaged_before = bus.damaged_bytes
            error = bus.ping(servo_id)
            if error is not None:
                errors[servo_id] = error
            elif bus.damaged_bytes > damaged_before:
                damaged.add(servo_id)
        if len(errors) == len(ids) or time.monotonic() > end:
            return errors, damaged


def servo_limits(image: Image) -> ServoLimits:
    """Return the limits at which the servo itself raises a fault."""
    return ServoLimits(
        float(image[Register.MAX_TEMPERATURE_LIMIT]),
        image[Register.MAX_VOLTAGE_LIMIT] * VOLT_UNIT,
        image[Register.MIN_VOLTAGE_LIMIT] * VOLT_UNIT,
    )


def speed_unit(image: Image) -> float:
    """Return how many ticks/s one count of the velocity register is."""
    return 1.0 if image[Register.PHASE] & PHASE_FINE_SPEED else COARSE_SPEED_TICKS_S


def calibration_mismatches(images: Mapping[str, Image], calibration: Calibration) -> list[Mismatch]:
    """Return every difference between the servos' registers and the file."""
    return [
        Mismatch(joint, register, image[register], in_file)
        for joint, image in images.items()
        for register, in_file in _calibration_registers(calibration, joint).items()
        if image[register] != in_file
    ]


def refuse_mismatches(mismatches: list[Mismatch], source: str) -> None:
    """Refuse an arm that is calibrated otherwise than the file says.

    Raises:
        CalibrationError: naming joint, register, both values and the cure.
    """
    if mismatches:
        listed = '\n'.join(f'  {mismatch}' for mismatch in mismatches)
        raise CalibrationError(
            f'the arm is not calibrated as {source} says:\n{listed}\n'
            'use the file of this arm, calibrate again, or set write_calibration:=true '
            'to write the file into the servos'
        )


def write_calibration(bus: ServoBus, calibration: Calibration, images: Mapping[str, Image]) -> None:
    """Bring the file into every servo's EEPROM, verified; their torque goes off where it differs.

    Raises:
        ServoError: when a servo does not take a value.
    """
    for joint, servo_id in calibration.ids.items():
        store(bus, servo_id, joint, _calibration_registers(calibration, joint), images[joint])


def configure(
    bus: ServoBus, calibration: Calibration, role: str, images: Mapping[str, Image]
) -> None:
    """Give every servo LeRobot's settings for its role, verified by reading back.

    Raises:
        ServoError: when a servo does not take a value.
    """
    for joint, servo_id in calibration.ids.items():
        image = images[joint]
        values = dict(_COMMON)
        values[Register.PHASE] = image[Register.PHASE] & ~PHASE_MULTI_TURN
        if role == FOLLOWER:
            values |= _FOLLOWER
            if joint == GRIPPER:
                values |= _FOLLOWER_GRIPPER
        store(bus, servo_id, joint, values, image)
        if image[Register.ACCELERATION] != _ACCELERATION:
            write_verified(bus, servo_id, joint, Register.ACCELERATION, _ACCELERATION)


def store(
    bus: ServoBus, servo_id: int, joint: str, values: Mapping[Register, int], image: Image
) -> None:
    """Write EEPROM registers that differ from the image: unlock, write, read back, lock.

    Registers that change the meaning of a position are written with the torque off. The lock is
    verified too: a locked servo obeys, and forgets with the next power cycle.

    Raises:
        ServoError: naming joint, register and both values when one was not taken.
    """
    differing = {register: value for register, value in values.items() if image[register] != value}
    if not differing:
        return
    if any(register in _MOVES_THE_FRAME for register in differing):
        bus.write(servo_id, Register.TORQUE_ENABLE, 0, _SETUP_RETRIES)
    write_verified(bus, servo_id, joint, Register.LOCK, 0)
    try:
        for register, value in differing.items():
            write_verified(bus, servo_id, joint, register, value)
    finally:
        bus.write(servo_id, Register.LOCK, 1, _SETUP_RETRIES)


def write_verified(
    bus: ServoBus, servo_id: int, joint: str, register: Register, value: int
) -> None:
    """Write one register and read it back.

    Raises:
        ServoError: naming joint, register and both values when it was not taken.
    """
    bus.write(servo_id, register, value, _SETUP_RETRIES)
    found = bus.read(servo_id, register, _SETUP_RETRIES)
    if found == value:
        return
    cure = (
        ': its EEPROM stays locked and would forget what is written; switch the supply off and on'
        if register is Register.LOCK
        else ''
    )
    raise ServoError(
        f'{joint} (id {servo_id}): {register.name} stays {found}, {value} was written{cure}'
    )


def _calibration_registers(calibration: Calibration, joint: str) -> dict[Register, int]:
    entry = calibration[joint]
    return {
        Register.HOMING_OFFSET: entry.homing_offset,
        Register.MIN_POSITION_LIMIT: entry.range_min,
        Register.MAX_POSITION_LIMIT: entry.range_max,
    }
