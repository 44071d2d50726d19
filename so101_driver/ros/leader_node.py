"""Executable `leader`: reads the arm that a person moves and offers its pose as commands."""

from __future__ import annotations

import sys
from functools import partial

from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from so101_driver.arm.arm_config import LeaderConfig
from so101_driver.arm.arm_reading import ArmReading
from so101_driver.arm.arm_setup import LEADER
from so101_driver.arm.gripper_spring import GripperSpring
from so101_driver.arm.leader import Leader
from so101_driver.common.errors import DriverError
from so101_driver.ros.arm_node import JOINT_QOS, ArmNode, joint_message, state_message
from so101_driver.ros.base_node import Stop, declare, run


class LeaderNode(ArmNode):
    """Publishes the leader's pose twice: as its state, and as a command for a follower.

    A leader angle is a follower angle in radians, so the numbers are the same. No command is sent
    while the leader is powered: it does not show what a person wants then.
    """

    def __init__(self, stop: Stop) -> None:
        super().__init__('leader', stop)
        self._config = config = declare(self, LeaderConfig)
        self._states = self.create_publisher(JointState, '~/joint_states', JOINT_QOS)
        self._commands = self.create_publisher(JointState, '~/joint_commands', JOINT_QOS)
        self._leader: Leader | None = None
        with self.released_on_error():
            arm = self.open_arm(config, LEADER)
            spring = None
            if config.gripper_spring:
                spring = GripperSpring(config.gripper_spring_open, config.gripper_spring_duty)
            self._leader = leader = Leader(
                arm, spring, lambda text: self.get_logger().warning(text)
            )
            self.create_service(SetBool, '~/set_torque', partial(self._on_set_torque, leader))
            leader.relax()
            self.start_thread(arm, config, partial(self._cycle, leader), leader.relax)

    def close(self) -> None:
        """Release the spring between two cycles, then stop as every arm does."""
        try:
            if self._arm_thread is not None and self._leader is not None:
                self._arm_thread.call(self._leader.close, timeout_s=1.0)
            elif self._leader is not None:
                self._leader.close()
        except (DriverError, TimeoutError) as error:
            self.get_logger().warning(f'the spring was not released: {error}')
        finally:
            super().close()

    def _cycle(self, leader: Leader, reading: ArmReading) -> None:
        if reading.missing:
            return
        self._states.publish(state_message(reading, self._config))
        if leader.commands:
            self._commands.publish(joint_message(reading.positions_rad, reading.stamp_ns))

    def _on_set_torque(
        self, leader: Leader, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        return self.answer_torque(request, response, leader.set_torque)


def main(args: list[str] | None = None) -> int:
    """Run the leader."""
    return run(LeaderNode, args)


if __name__ == '__main__':
    sys.exit(main())
