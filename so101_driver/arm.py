"""One SO-101 arm on its bus: connected, powered, read and commanded in radians.

States: unconfigured = no link; inactive = readable, not commandable; active = powered and
commandable. Not locked: one thread owns an arm (see `control.py`).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import numpy as np

from so101_driver import arm_setup
from so101_driver.bus import ServoBus
from so101_driver.calibration import MAX_TICK, Calibration
from so101_driver.errors import LinkError, NotActiveError, ServoError
from so101_driver.frames import Status
from so101_driver.joints import JOINTS, FloatArray
from so101_driver.registers import Register, decode, fault_names
from so101_driver.units import rad_to_ticks, ticks_to_rad

_BLOCK_BASE = Register.PRESENT_POSITION.address
_POSITION_BYTES = 2
_BLOCK_WITH_LOAD_BYTES = 6
_RELEASE_RETRIES = 5
_DUTY_UNIT = 0.001


class ArmState(Enum):
    """What the arm can do now."""

    UNCONFIGURED = 'unconfigured'
    INACTIVE = 'inactive'
    ACTIVE = 'active'


@dataclasses.dataclass(frozen=True)
class ArmOptions:
    """How an arm is used.

    Attributes:
        role: `follower` or `leader`, for LeRobot's settings.
        write_calibration: Write the file into servos that differ instead of refusing them.
        disable_torque_on_disconnect: Release the torque on an orderly end.
    """

    role: str = arm_setup.FOLLOWER
    write_calibration: bool = False
    disable_torque_on_disconnect: bool = True


class ArmReading(NamedTuple):
    """One reading in joint order; joints that did not answer keep their last good value.

    Attributes:
        positions_rad: Shape (6,).
        load_duty: Motor duty with sign, -1..1, shape (6,); read on followers only.
        stamp_ns: Middle of the bus transaction.
        missing: Joints whose values are older than this reading.
        faults: Sentences naming joints whose servo reports a fault.
    """

    positions_rad: FloatArray
    load_duty: FloatArray
    stamp_ns: int
    missing: tuple[str, ...]
    faults: tuple[str, ...]


class Applied(NamedTuple):
    """What was really written: goals after rounding to ticks (rad, shape (6,)), and when."""

    goal_rad: FloatArray
    stamp_ns: int


class So101Arm:
    """A follower or leader arm.

    Args:
        bus: The arm's bus; opened and closed here.
        calibration: The arm's LeRobot calibration.
        options: How it is used.
        clock_ns: Clock of the stamps, in ns.
    """

    def __init__(
        self,
        bus: ServoBus,
        calibration: Calibration,
        options: ArmOptions | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.bus = bus
        self.calibration = calibration
        self.options = options or ArmOptions()
        self.state = ArmState.UNCONFIGURED
        self.warnings: list[str] = []
        self._clock_ns = clock_ns
        self._ids = [calibration[joint].id for joint in JOINTS]
        self._ticks: FloatArray | None = None
        self._loads = np.zeros(len(JOINTS))
        follower = self.options.role == arm_setup.FOLLOWER
        self._block_bytes = _BLOCK_WITH_LOAD_BYTES if follower else _POSITION_BYTES

    def connect(self) -> None:
        """Open the bus, hold still what is powered, check everything, configure.

        Afterwards the arm is inactive, or active when every servo still has its torque (after a
        lost link the servos go on holding).

        Raises:
            LinkError: when the port cannot be opened.
            ServoError: when servos are silent or of another model; all are listed.
            CalibrationError: when the servos are calibrated otherwise than the file says.
        """
        if self.state is not ArmState.UNCONFIGURED:
            return
        if not self.bus.is_open:
            self.bus.open()
        try:
            self._freeze()
            self.warnings = arm_setup.check_identity(self.bus, self.calibration)
            if self.options.write_calibration:
                arm_setup.write_calibration(self.bus, self.calibration)
            mismatches = arm_setup.calibration_mismatches(self.bus, self.calibration)
            arm_setup.refuse_mismatches(mismatches, self.calibration.source)
            arm_setup.configure(self.bus, self.calibration, self.options.role)
            torque = [self.bus.read(i, Register.TORQUE_ENABLE) == 1 for i in self._ids]
        except BaseException:
            self.bus.close()
            raise
        self.state = ArmState.ACTIVE if all(torque) else ArmState.INACTIVE
        if any(torque) and not all(torque):
            limp = [joint for joint, on in zip(JOINTS, torque, strict=True) if not on]
            self.warnings.append(f'torque is off at {", ".join(limp)} but on at the others')

    def enable(self) -> None:
        """Power all motors without a jump: the goal becomes the present position first.

        Raises:
            ServoError: naming the joint that could not be powered; all others are released again.
        """
        self._require_link()
        if missing := self._freeze():
            raise ServoError(f'not powered: no position from {", ".join(missing)}')
        try:
            for joint, servo_id in zip(JOINTS, self._ids, strict=True):
                goal = self.bus.read(servo_id, Register.GOAL_POSITION)
                if goal != self._present_tick(joint):
                    raise ServoError(f'{joint}: the goal was not taken, {goal} instead')
            for joint, servo_id in zip(JOINTS, self._ids, strict=True):
                self.bus.write(servo_id, Register.TORQUE_ENABLE, 1)
                if self.bus.read(servo_id, Register.TORQUE_ENABLE) != 1:
                    raise ServoError(f'{joint}: torque stays off')
        except ServoError as error:
            try:
                self.disable()
            except ServoError as also:
                raise ServoError(f'{error}; and {also}') from error
            raise
        self.state = ArmState.ACTIVE

    def disable(self) -> None:
        """Release every motor, each on its own, however many fail.

        Raises:
            ServoError: after all were tried, naming those that may still be powered.
        """
        self._require_link()
        self.state = ArmState.INACTIVE
        failed = []
        for joint, servo_id in zip(JOINTS, self._ids, strict=True):
            try:
                self.bus.write(servo_id, Register.TORQUE_ENABLE, 0, _RELEASE_RETRIES)
            except ServoError:
                failed.append(f'{joint} (id {servo_id})')
        if failed:
            raise ServoError(
                f'torque may still be on at {", ".join(failed)}: no acknowledgement; '
                'switch the supply off before touching the arm'
            )

    def read(self) -> ArmReading:
        """Read all joints in one transaction.

        Raises:
            LinkError: when the port is gone; the arm is unconfigured then.
            ServoError: when a joint has never answered.
        """
        self._require_link()
        before_ns = self._clock_ns()
        try:
            found = self.bus.sync_read(self._ids, Register.PRESENT_POSITION, self._block_bytes)
        except LinkError:
            self.lose_link()
            raise
        stamp_ns = (before_ns + self._clock_ns()) // 2
        missing = []
        if self._ticks is None:
            self._ticks = np.full(len(JOINTS), np.nan)
        for index, (joint, servo_id) in enumerate(zip(JOINTS, self._ids, strict=True)):
            status = found.replies.get(servo_id)
            if status is None:
                missing.append(joint)
            else:
                self._take(index, status)
        if np.isnan(self._ticks).any():
            raise ServoError(f'no position from {", ".join(missing)} yet')
        return ArmReading(
            ticks_to_rad(self._ticks, JOINTS, self.calibration),
            self._loads.copy(),
            stamp_ns,
            tuple(missing),
            tuple(self.faults()),
        )

    def write(self, goal_rad: FloatArray) -> Applied:
        """Command all joints; goals are rounded to ticks and kept within the calibrated range.

        Raises:
            NotActiveError: when the arm is not powered.
            ConfigError: when a goal is not finite.
            LinkError: when the port is gone.
        """
        if self.state is not ArmState.ACTIVE:
            raise NotActiveError(f'the arm is {self.state.value}: it takes no commands')
        ticks = rad_to_ticks(goal_rad, JOINTS, self.calibration)
        for index, joint in enumerate(JOINTS):
            entry = self.calibration[joint]
            ticks[index] = min(max(ticks[index], entry.range_min), entry.range_max)
        goals = dict(zip(self._ids, ticks.tolist(), strict=True))
        before_ns = self._clock_ns()
        try:
            self.bus.sync_write(Register.GOAL_POSITION, goals)
        except LinkError:
            self.lose_link()
            raise
        stamp_ns = (before_ns + self._clock_ns()) // 2
        return Applied(ticks_to_rad(ticks, JOINTS, self.calibration), stamp_ns)

    def faults(self) -> list[str]:
        """Return one sentence for each joint whose servo reported a fault with its last answer."""
        return [
            f'{joint}: {", ".join(fault_names(counters.error))}'
            for joint, servo_id in zip(JOINTS, self._ids, strict=True)
            if (counters := self.bus.counters.get(servo_id)) is not None and counters.error
        ]

    def clear_faults(self) -> list[str]:
        """Relax to the present pose, cycle the torque of faulty servos; return what remains."""
        self._require_link()
        self._freeze()
        remaining = []
        for joint, servo_id in zip(JOINTS, self._ids, strict=True):
            if not self.bus.ping(servo_id):
                continue
            if self.state is ArmState.ACTIVE:
                self.bus.write(servo_id, Register.TORQUE_ENABLE, 0)
                self.bus.write(servo_id, Register.TORQUE_ENABLE, 1)
            error = self.bus.ping(servo_id)
            if error is None:
                remaining.append(f'{joint}: does not answer')
            elif error:
                remaining.append(f'{joint}: {", ".join(fault_names(error))}')
        return remaining

    def lose_link(self) -> None:
        """Give the port up after it vanished; the servos keep holding by themselves."""
        self.state = ArmState.UNCONFIGURED
        self.bus.close()

    def close(self) -> None:
        """Release the torque if that is wanted, and close the port; closing twice is fine.

        Raises:
            ServoError: naming motors that could not be released; the port is closed all the same.
        """
        if self.state is ArmState.UNCONFIGURED:
            return
        try:
            if self.options.disable_torque_on_disconnect:
                self.disable()
        finally:
            self.state = ArmState.UNCONFIGURED
            self.bus.close()

    def _freeze(self) -> list[str]:
        """Make the goal of every servo that answers its present position; return the others."""
        found = self.bus.sync_read(self._ids, Register.PRESENT_POSITION, _POSITION_BYTES)
        if self._ticks is None:
            self._ticks = np.full(len(JOINTS), np.nan)
        goals = {}
        for index, servo_id in enumerate(self._ids):
            if servo_id in found.replies:
                self._take(index, found.replies[servo_id])
                goals[servo_id] = min(max(int(self._ticks[index]), 0), MAX_TICK)
        if goals:
            self.bus.sync_write(Register.GOAL_POSITION, goals)
        return [j for j, i in zip(JOINTS, self._ids, strict=True) if i in found.missing]

    def _take(self, index: int, status: Status) -> None:
        assert self._ticks is not None
        self._ticks[index] = decode(Register.PRESENT_POSITION, status.data, _BLOCK_BASE)
        if len(status.data) >= _BLOCK_WITH_LOAD_BYTES:
            load = decode(Register.PRESENT_LOAD, status.data, _BLOCK_BASE)
            self._loads[index] = load * _DUTY_UNIT

    def _present_tick(self, joint: str) -> int:
        assert self._ticks is not None
        return min(max(int(self._ticks[JOINTS.index(joint)]), 0), MAX_TICK)

    def _require_link(self) -> None:
        if self.state is ArmState.UNCONFIGURED:
            raise LinkError(f'{self.bus.port.port_name}: the arm is not connected')
