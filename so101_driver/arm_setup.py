"""What happens to the servos before an arm may be used: identity, calibration, configuration.

The configured values are LeRobot's, so that an arm behaves the same under both. Everything is read
first and written only where it differs: the cells wear out, and an arm that already is as it
should be is not touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from so101_driver.bus import ServoBus
from so101_driver.calibration import Calibration
from so101_driver.errors import CalibrationError, ServoError
from so101_driver.joints import GRIPPER
from so101_driver.registers import PHASE_MULTI_TURN, STS3215_MODEL, Register, fault_names

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


def check_identity(bus: ServoBus, calibration: Calibration) -> list[str]:
    """Ask every servo who it is and return warnings (faults, differing firmware).

    Raises:
        ServoError: listing every silent servo and every wrong model at once.
    """
    problems, warnings = [], []
    firmware: dict[str, str] = {}
    for joint, servo_id in calibration.ids.items():
        error = bus.ping(servo_id)
        if error is None:
            problems.append(f'{joint} (id {servo_id}) does not answer')
            continue
        if error:
            warnings.append(f'{joint} (id {servo_id}) reports {", ".join(fault_names(error))}')
        model = bus.read(servo_id, Register.MODEL_NUMBER, _SETUP_RETRIES)
        if model != STS3215_MODEL:
            problems.append(
                f'{joint} (id {servo_id}) is model {model}, not an STS3215 ({STS3215_MODEL})'
            )
        version = bus.read_block(servo_id, Register.FIRMWARE_MAJOR, 2, _SETUP_RETRIES)
        firmware[joint] = f'{version[0]}.{version[1]}'
    if problems:
        first_silent = next((text for text in problems if 'does not answer' in text), None)
        cure = (
            '; check power and the 3-pin cable that leads to the first silent servo'
            if first_silent
            else ''
        )
        raise ServoError(f'{bus.port.port_name}: ' + '; '.join(problems) + cure)
    if len(set(firmware.values())) > 1:
        listed = ', '.join(f'{joint} {version}' for joint, version in firmware.items())
        warnings.append(f'the servos have different firmware: {listed}')
    return warnings


def calibration_mismatches(bus: ServoBus, calibration: Calibration) -> list[Mismatch]:
    """Return every difference between the servos' registers and the file."""
    return [
        Mismatch(joint, register, in_servo, in_file)
        for joint, servo_id in calibration.ids.items()
        for register, in_file in _calibration_registers(calibration, joint).items()
        if (in_servo := bus.read(servo_id, register, _SETUP_RETRIES)) != in_file
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


def write_calibration(bus: ServoBus, calibration: Calibration) -> None:
    """Bring the file into every servo's EEPROM, verified; their torque goes off where it differs.

    Raises:
        ServoError: when a servo does not take a value.
    """
    for joint, servo_id in calibration.ids.items():
        store(bus, servo_id, joint, _calibration_registers(calibration, joint))


def configure(bus: ServoBus, calibration: Calibration, role: str) -> None:
    """Give every servo LeRobot's settings for its role.

    Raises:
        ServoError: when a servo does not take a value.
    """
    for joint, servo_id in calibration.ids.items():
        values = dict(_COMMON)
        phase = bus.read(servo_id, Register.PHASE, _SETUP_RETRIES)
        values[Register.PHASE] = phase & ~PHASE_MULTI_TURN
        if role == FOLLOWER:
            values |= _FOLLOWER
            if joint == GRIPPER:
                values |= _FOLLOWER_GRIPPER
        store(bus, servo_id, joint, values)
        bus.write(servo_id, Register.ACCELERATION, _ACCELERATION, _SETUP_RETRIES)


def store(bus: ServoBus, servo_id: int, joint: str, values: Mapping[Register, int]) -> None:
    """Write EEPROM registers that differ: unlock, write, read back, lock.

    Registers that change the meaning of a position are written with the torque off.

    Raises:
        ServoError: naming joint, register and both values when one was not taken.
    """
    differing = {
        register: value
        for register, value in values.items()
        if bus.read(servo_id, register, _SETUP_RETRIES) != value
    }
    if not differing:
        return
    if any(register in _MOVES_THE_FRAME for register in differing):
        bus.write(servo_id, Register.TORQUE_ENABLE, 0, _SETUP_RETRIES)
    bus.write(servo_id, Register.LOCK, 0, _SETUP_RETRIES)
    try:
        for register, value in differing.items():
            bus.write(servo_id, register, value, _SETUP_RETRIES)
            found = bus.read(servo_id, register, _SETUP_RETRIES)
            if found != value:
                raise ServoError(
                    f'{joint} (id {servo_id}): {register.name} stays {found}, {value} was written'
                )
    finally:
        bus.write(servo_id, Register.LOCK, 1, _SETUP_RETRIES)


def _calibration_registers(calibration: Calibration, joint: str) -> dict[Register, int]:
    entry = calibration[joint]
    return {
        Register.HOMING_OFFSET: entry.homing_offset,
        Register.MIN_POSITION_LIMIT: entry.range_min,
        Register.MAX_POSITION_LIMIT: entry.range_max,
    }
