"""One SO-101 arm on its bus: connected, powered, read and commanded in radians.

States: unconfigured = no link; inactive = readable, not commandable; active = powered and
commandable. Not locked: one thread owns an arm (see `control.py`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import numpy as np

from so101_driver.arm import arm_setup
from so101_driver.arm.arm_power import ArmPower
from so101_driver.arm.arm_range import RangeWatch
from so101_driver.arm.arm_reading import (
    BLOCK,
    MOTION_BYTES,
    POSITION_BYTES,
    TELEMETRY_BYTES,
    ArmReading,
    JointMemory,
)
from so101_driver.arm.calibration import Calibration
from so101_driver.arm.joints import JOINTS, FloatArray
from so101_driver.arm.telemetry import Finding, ServoLimits, TelemetryLimits, judge
from so101_driver.arm.units import rad_to_ticks, speeds_to_rad_s, ticks_to_rad
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import Register
from so101_driver.common.errors import (
    CalibrationError,
    DriverError,
    LinkError,
    NotActiveError,
    ServoError,
)


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
        reads_motion: Read velocity and load in each cycle; a follower always does.
        telemetry_every: Read voltage, temperature and current in each n-th cycle.
        telemetry: When to warn.
        range_margin_rad: How far outside its calibrated range a joint may be.
    """

    role: str = arm_setup.FOLLOWER
    write_calibration: bool = False
    disable_torque_on_disconnect: bool = True
    reads_motion: bool = False
    telemetry_every: int = 10
    telemetry: TelemetryLimits = dataclasses.field(default_factory=TelemetryLimits)
    range_margin_rad: float = 0.05


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
        self.memory = JointMemory()
        self.findings: list[Finding] = []
        self.range = RangeWatch(calibration, self.options.range_margin_rad)
        self._power = ArmPower(bus, calibration, self.memory, self.range)
        self._clock_ns = clock_ns
        self._ids = [calibration[joint].id for joint in JOINTS]
        self._limits = [ServoLimits()] * len(JOINTS)
        self._speed_units = np.ones(len(JOINTS))
        self._reads = 0
        self._is_frozen = False
        self._may_be_powered = False
        moves = self.options.role == arm_setup.FOLLOWER or self.options.reads_motion
        self._block_bytes = MOTION_BYTES if moves else POSITION_BYTES

    def connect(self, patience_s: float = 0.0) -> None:
        """Open the bus, hold still what is powered, check everything, configure.

        Servos that are silent are asked again for `patience_s`.

        Afterwards the arm is active when every servo still has its torque (after a lost link the
        servos go on holding), else inactive.

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
            if not self._is_frozen:
                # Once for each lost link: doing it again and again would let the arm sink under
                # its weight, by the servos' steady error each time.
                self._power.freeze()
                self._is_frozen = True
            images, self.warnings = arm_setup.inspect(self.bus, self.calibration, patience_s)
            if self.options.write_calibration:
                arm_setup.write_calibration(self.bus, self.calibration, images)
                images, _ = arm_setup.inspect(self.bus, self.calibration)
            mismatches = arm_setup.calibration_mismatches(images, self.calibration)
            arm_setup.refuse_mismatches(mismatches, self.calibration.source)
            arm_setup.configure(self.bus, self.calibration, self.options.role, images)
            self._limits = [arm_setup.servo_limits(images[joint]) for joint in JOINTS]
            self._speed_units = np.array([arm_setup.speed_unit(images[joint]) for joint in JOINTS])
            torque = self._power.torque()
        except (ServoError, CalibrationError) as error:
            raise self._refusal(error) from error
        except BaseException:
            self.bus.close()
            raise
        limp = [joint for joint in JOINTS if not torque.get(joint, False)]
        self._may_be_powered = any(torque.values())
        self.state = ArmState.INACTIVE if limp else ArmState.ACTIVE
        self._is_frozen = False
        if self.options.role == arm_setup.FOLLOWER and 0 < len(limp) < len(JOINTS):
            self.warnings.append(
                f'{", ".join(limp)}: no torque, but the other joints hold; '
                '~/set_torque powers or releases them all'
            )
        if not self.memory.silent():
            self.warnings += self.range.check(self.memory.ticks)

    def limp_joints(self) -> tuple[str, ...]:
        """Return the joints without torque; one transaction.

        A servo that lost its supply for a moment comes back limp, and would stay so unnoticed.

        Raises:
            LinkError: when the port is gone; the arm is unconfigured then.
        """
        self._require_link()
        try:
            return tuple(joint for joint, is_on in self._power.torque().items() if not is_on)
        except LinkError:
            self.lose_link()
            raise

    def enable(self) -> None:
        """Power all motors without a jump: the goal becomes the present position first.

        Raises:
            ServoError: naming the joint that could not be powered; all others are released again.
        """
        self._require_link()
        self._may_be_powered = True
        self._power.on()
        self.state = ArmState.ACTIVE

    def disable(self) -> None:
        """Release every motor, each on its own, however many fail.

        Raises:
            ServoError: after all were tried, naming those that may still be powered.
        """
        self._require_link()
        self.state = ArmState.INACTIVE
        self._power.off()
        self._may_be_powered = False

    def read(self) -> ArmReading:
        """Read all joints in one transaction.

        Raises:
            LinkError: when the port is gone; the arm is unconfigured then.
            ServoError: when a joint has never answered.
        """
        self._require_link()
        with_telemetry = self._reads % self.options.telemetry_every == 0
        self._reads += 1
        length = TELEMETRY_BYTES if with_telemetry else self._block_bytes
        before_ns = self._clock_ns()
        try:
            found = self.bus.sync_read(self._ids, BLOCK, length)
        except LinkError:
            self.lose_link()
            raise
        stamp_ns = (before_ns + self._clock_ns()) // 2
        memory = self.memory
        for index, servo_id in enumerate(self._ids):
            if servo_id in found.replies:
                memory.take(index, found.replies[servo_id])
        if silent := memory.silent():
            raise ServoError(f'no position from {", ".join(silent)} yet')
        if with_telemetry:
            self._judge()
        return ArmReading(
            ticks_to_rad(memory.ticks, JOINTS, self.calibration),
            speeds_to_rad_s(memory.speeds * self._speed_units, JOINTS, self.calibration),
            memory.load_duty.copy(),
            memory.current_a.copy(),
            stamp_ns,
            tuple(j for j, i in zip(JOINTS, self._ids, strict=True) if i in found.missing),
            memory.errors.copy(),
            (
                *self.faults(),
                *self.range.check(memory.ticks),
                *(finding.text for finding in self.findings),
            ),
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
        return self._power.faults()

    def clear_faults(self) -> list[str]:
        """Relax to the present pose, cycle the torque of faulty servos; return what remains."""
        self._require_link()
        return self._power.clear(self.state is ArmState.ACTIVE)

    def lose_link(self) -> None:
        """Give the port up after it vanished; the servos keep holding by themselves."""
        self.state = ArmState.UNCONFIGURED
        self.bus.close()

    def close(self) -> None:
        """Release the torque if that is wanted, and close the port; closing twice is fine.

        Where the link had been given up (one silent servo is enough) it is opened once more, so
        that the motors that can be reached do not stay powered.

        Raises:
            ServoError: naming motors that could not be released; the port is closed all the same.
            LinkError: when the port is gone, and motors may be powered.
        """
        wants = self.options.disable_torque_on_disconnect
        releases = wants and (self._may_be_powered or self.state is not ArmState.UNCONFIGURED)
        try:
            if releases and not self.bus.is_open:
                self.bus.open()
            if releases:
                self._power.off()
        finally:
            self._may_be_powered = False
            self.state = ArmState.UNCONFIGURED
            self.bus.close()

    def _refusal(self, error: DriverError) -> DriverError:
        """Close the bus, and add to an error which motors hold all the same."""
        powered: list[str] = []
        with contextlib.suppress(LinkError):  # the error at hand says more
            powered = [joint for joint, is_on in self._power.torque().items() if is_on]
        self.bus.close()
        if not powered:
            return error
        self._may_be_powered = True
        return type(error)(f'{error}; still powered: {", ".join(powered)}')

    def _judge(self) -> None:
        limits = self.options.telemetry
        self.findings = [
            finding
            for joint, now, own in zip(JOINTS, self.memory.telemetry, self._limits, strict=True)
            if now is not None
            for finding in judge(joint, now, own, limits)
        ]

    def _require_link(self) -> None:
        if self.state is ArmState.UNCONFIGURED:
            raise LinkError(f'{self.bus.port.port_name}: the arm is not connected')
