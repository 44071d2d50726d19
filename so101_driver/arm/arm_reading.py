"""What one read of all joints says, and the memory of what each joint said last.

Position, velocity and load lie side by side (registers 56-61), so that all three come in one
transaction in each cycle. Voltage, temperature, status and current follow (up to 70): they change
slowly and are read along with the others in every n-th cycle. Each further transaction would cost
more than the longer answer does (about 1 ms of USB frame against 0.5 ms of wire).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from so101_driver.arm.joints import JOINTS, FloatArray
from so101_driver.arm.telemetry import DUTY_UNIT, JointTelemetry, decode_telemetry
from so101_driver.bus.packets import Status
from so101_driver.bus.registers import Register, decode

BLOCK = Register.PRESENT_POSITION
POSITION_BYTES = 2
MOTION_BYTES = 6
TELEMETRY_BYTES = 15


class ArmReading(NamedTuple):
    """One reading in joint order; joints that did not answer keep their last good value.

    Attributes:
        positions_rad: Shape (6,).
        velocity_rad_s: Shape (6,); measured where the motion block is read, else 0.
        load_duty: Motor duty with sign, -1..1, shape (6,); as the velocity.
        current_a: Motor current, shape (6,); as old as the last telemetry.
        stamp_ns: Middle of the bus transaction.
        missing: Joints whose values are older than this reading.
        errors: Error byte of each servo's last answer, shape (6,).
        alarms: Sentences naming joints, causes and cures.
    """

    positions_rad: FloatArray
    velocity_rad_s: FloatArray
    load_duty: FloatArray
    current_a: FloatArray
    stamp_ns: int
    missing: tuple[str, ...]
    errors: NDArray[np.int64]
    alarms: tuple[str, ...]


class JointMemory:
    """The last good values of all joints, in register units; positions are NaN at first."""

    def __init__(self) -> None:
        count = len(JOINTS)
        self.ticks: FloatArray = np.full(count, np.nan)
        self.speeds: FloatArray = np.zeros(count)
        self.load_duty: FloatArray = np.zeros(count)
        self.current_a: FloatArray = np.zeros(count)
        self.errors: NDArray[np.int64] = np.zeros(count, dtype=np.int64)
        self.telemetry: list[JointTelemetry | None] = [None] * count

    def take(self, index: int, status: Status) -> None:
        """Keep one joint's answer to a read that began at `BLOCK`."""
        data, base = status.data, BLOCK.address
        self.errors[index] = status.error
        self.ticks[index] = decode(Register.PRESENT_POSITION, data, base)
        if len(data) >= MOTION_BYTES:
            self.speeds[index] = decode(Register.PRESENT_VELOCITY, data, base)
            self.load_duty[index] = decode(Register.PRESENT_LOAD, data, base) * DUTY_UNIT
        if len(data) >= TELEMETRY_BYTES:
            telemetry = self.telemetry[index] = decode_telemetry(data, base)
            self.current_a[index] = telemetry.current_a

    def silent(self) -> tuple[str, ...]:
        """Return the joints that have never answered."""
        return tuple(j for j, tick in zip(JOINTS, self.ticks, strict=True) if np.isnan(tick))
