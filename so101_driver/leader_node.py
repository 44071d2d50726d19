"""Executable `leader`: reads the arm that a person moves and offers its pose as commands."""

from __future__ import annotations

import sys

from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from so101_driver.arm import ArmReading, ArmState
from so101_driver.arm_config import LeaderConfig
from so101_driver.arm_node import JOINT_QOS, ArmNode, joint_message
from so101_driver.arm_setup import LEADER
from so101_driver.base_node import Stop, declare, run


class LeaderNode(ArmNode):
    """Publishes the leader's pose twice: as its state, and as a command for a follower.

    A leader angle is a follower angle in radians, so the numbers are the same. No command is sent
    while the leader is powered: it does not show what a person wants then.
    """

    def __init__(self, stop: Stop) -> None:
        super().__init__('leader', stop)
        config = declare(self, LeaderConfig)
        self._states = self.create_publisher(JointState, '~/joint_states', JOINT_QOS)
        self._commands = self.create_publisher(JointState, '~/joint_commands', JOINT_QOS)
        self._arm = self.open_arm(config, LEADER)
        if self._arm.state is ArmState.ACTIVE:
            self.get_logger().warning('the leader was powered: torque goes off')
            self._arm.disable()
        self.start_thread(self._arm, config.rate_hz, self._cycle, lambda: None)
        self.create_service(SetBool, '~/set_torque', self._on_set_torque)

    def _cycle(self, reading: ArmReading) -> None:
        if reading.missing:
            return
        message = joint_message(reading.positions_rad, reading.stamp_ns)
        self._states.publish(message)
        if self._arm.state is not ArmState.ACTIVE:
            self._commands.publish(message)

    def _on_set_torque(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        return self.answer_torque(request, response, self._set_torque)

    def _set_torque(self, on: bool) -> str:
        if on:
            self._arm.enable()
            return 'torque is on; no commands are sent'
        self._arm.disable()
        return 'torque is off'


def main(args: list[str] | None = None) -> int:
    """Run the leader."""
    return run(LeaderNode, args)


if __name__ == '__main__':
    sys.exit(main())
