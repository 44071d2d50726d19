"""A leader's gripper that opens by itself when it is let go: one motor powered, softly.

LeRobot leaves the trigger of an SO leader limp, and users miss the spring of other leader arms.
The servo's torque limit (register 48, RAM) makes it weak enough to be closed with a finger. No
overload can trip: its threshold lies above the limit.
"""

from __future__ import annotations

from so101_driver.arm.calibration import Calibration
from so101_driver.arm.joints import GRIPPER
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import Register
from so101_driver.common.errors import ServoError

_DUTY_COUNTS = 1000
_PERCENT = 100.0


class GripperSpring:
    """The spring of one leader.

    Args:
        open_percent: Where it pulls, 0 closed to 100 open.
        duty: How hard, 0..1.
    """

    def __init__(self, open_percent: float, duty: float) -> None:
        self._open = open_percent / _PERCENT
        self._duty = duty

    def engage(self, bus: ServoBus, calibration: Calibration) -> None:
        """Power the gripper; weak first, then aimed, then on.

        Raises:
            ServoError: when the servo does not take its weakness: it must not pull hard.
        """
        entry = calibration[GRIPPER]
        share = 1.0 - self._open if entry.drive_mode else self._open
        limit = round(self._duty * _DUTY_COUNTS)
        bus.write(entry.id, Register.TORQUE_LIMIT, limit)
        if bus.read(entry.id, Register.TORQUE_LIMIT) != limit:
            raise ServoError(f'{GRIPPER}: the torque limit was not taken, the spring stays off')
        goal = round(entry.range_min + share * entry.width_ticks)
        bus.write(entry.id, Register.GOAL_POSITION, goal)
        bus.write(entry.id, Register.TORQUE_ENABLE, 1)

    def release(self, bus: ServoBus, calibration: Calibration) -> None:
        """Make the gripper limp, and strong again for whoever powers it next.

        Raises:
            ServoError: when it does not answer.
        """
        servo_id = calibration[GRIPPER].id
        bus.write(servo_id, Register.TORQUE_ENABLE, 0)
        limit = bus.read(servo_id, Register.MAX_TORQUE_LIMIT)
        bus.write(servo_id, Register.TORQUE_LIMIT, limit)
