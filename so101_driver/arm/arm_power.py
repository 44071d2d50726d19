"""Torque of an arm's motors: on without a jump, off at every motor, faults cleared.

A servo may keep an old goal while it is limp, and drives there the moment it is powered. So the
goal is made the present position first, and that is verified.
"""

from __future__ import annotations

import numpy as np

from so101_driver.arm.arm_range import RangeWatch
from so101_driver.arm.arm_reading import BLOCK, POSITION_BYTES, JointMemory
from so101_driver.arm.calibration import MAX_TICK, Calibration
from so101_driver.arm.joint_faults import fault_text
from so101_driver.arm.joints import JOINTS
from so101_driver.arm.units import RAD_PER_TICK
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import Register, decode, fault_names
from so101_driver.common.errors import ServoError

_RELEASE_RETRIES = 5
_AIM_ATTEMPTS = 3
_LARGEST_JUMP_TICKS = 34  # 3 degrees; a servo drives to its limit from outside of it
_ON = b'\x01'


class ArmPower:
    """The torque of one arm.

    Args:
        bus: The arm's bus.
        calibration: Names the servos.
        memory: Keeps the positions that are read here.
        watch: Knows the calibrated ranges.
    """

    def __init__(
        self, bus: ServoBus, calibration: Calibration, memory: JointMemory, watch: RangeWatch
    ) -> None:
        self._bus = bus
        self._memory = memory
        self._range = watch
        self._servos = [(joint, calibration[joint].id) for joint in JOINTS]
        self._ids = [servo_id for _, servo_id in self._servos]

    def freeze(self) -> list[str]:
        """Make the goal of every servo that answers its present position; return the others."""
        found = self._bus.sync_read(self._ids, BLOCK, POSITION_BYTES)
        goals = {}
        for index, servo_id in enumerate(self._ids):
            if servo_id in found.replies:
                self._memory.take(index, found.replies[servo_id])
                goals[servo_id] = self._present_tick(index)
        if goals:
            self._bus.sync_write(Register.GOAL_POSITION, goals)
        return [joint for joint, servo_id in self._servos if servo_id in found.missing]

    def torque(self) -> dict[str, bool]:
        """Ask all servos for their torque, in one transaction; joints that answer, on or off."""
        found = self._bus.sync_read(self._ids, Register.TORQUE_ENABLE, 1).replies
        return {j: found[i].data == _ON for j, i in self._servos if i in found}

    def on(self) -> None:
        """Power every motor where it stands.

        Raises:
            ServoError: naming the joint that could not be powered; all others are released again.
        """
        self._aim_at_present()
        try:
            for joint, servo_id in self._servos:
                self._bus.write(servo_id, Register.TORQUE_ENABLE, 1)
                if self._bus.read(servo_id, Register.TORQUE_ENABLE) != 1:
                    raise ServoError(f'{joint}: torque stays off')
        except ServoError as error:
            try:
                self.off()
            except ServoError as also:
                raise ServoError(f'{error}; and {also}') from error
            raise

    def off(self) -> None:
        """Release every motor, each on its own, however many fail.

        Raises:
            ServoError: after all were tried, naming those that may still be powered.
        """
        failed = []
        for joint, servo_id in self._servos:
            try:
                self._bus.write(servo_id, Register.TORQUE_ENABLE, 0, _RELEASE_RETRIES)
            except ServoError:
                failed.append(f'{joint} (id {servo_id})')
        if failed:
            raise ServoError(
                f'torque may still be on at {", ".join(failed)}: no acknowledgement; '
                'switch the supply off before touching the arm'
            )

    def clear(self, is_powered: bool) -> list[str]:
        """Relax to the present pose, cycle the torque of faulty servos; return what remains."""
        self.freeze()
        remaining = []
        for joint, servo_id in self._servos:
            error = self._bus.ping(servo_id)
            if error and is_powered:
                self._cycle(servo_id)
                error = self._bus.ping(servo_id)
            if error is None:
                remaining.append(f'{joint}: does not answer')
            elif error:
                names = ', '.join(fault_names(error))
                remaining.append(f'{joint}: {names} remains; switch the supply off and on')
        return remaining

    def faults(self) -> list[str]:
        """Return one sentence for each joint whose servo reported a fault with its last answer."""
        errors = self._memory.errors
        return [fault_text(JOINTS[index], int(errors[index])) for index in np.flatnonzero(errors)]

    def _cycle(self, servo_id: int) -> None:
        try:
            self._bus.write(servo_id, Register.TORQUE_ENABLE, 0)
            self._bus.write(servo_id, Register.TORQUE_ENABLE, 1)
        except ServoError:
            return  # the ping that follows tells

    def _aim_at_present(self) -> None:
        """Make every goal the present position, verified; refuse a pose that cannot be held.

        Raises:
            ServoError: naming the joints.
        """
        for _ in range(_AIM_ATTEMPTS):
            if silent := self.freeze():
                raise ServoError(f'not powered: no position from {", ".join(silent)}')
            found = self._bus.sync_read(self._ids, Register.GOAL_POSITION, 2).replies
            wrong = [
                joint
                for index, (joint, servo_id) in enumerate(self._servos)
                if servo_id not in found
                or decode(Register.GOAL_POSITION, found[servo_id].data) != self._present_tick(index)
            ]
            if not wrong:
                break
        else:
            raise ServoError(f'not powered: the goal was not taken by {", ".join(wrong)}')
        self._range.check(self._memory.ticks)
        if outside := [
            f'{joint} ({np.rad2deg(beyond):.1f} degrees)'
            for joint, beyond in zip(JOINTS, self._range.beyond_rad, strict=True)
            if beyond > _LARGEST_JUMP_TICKS * RAD_PER_TICK
        ]:
            raise ServoError(
                'not powered: outside the calibrated range, to which the servo would jump: '
                f'{", ".join(outside)}; move the arm by hand, or calibrate it again'
            )

    def _present_tick(self, index: int) -> int:
        return min(max(int(self._memory.ticks[index]), 0), MAX_TICK)
