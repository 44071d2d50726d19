"""Executable `follower`: the only node that moves the arm."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial

from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger

from so101_driver.arm.arm import Applied, ArmState
from so101_driver.arm.arm_config import FollowerConfig
from so101_driver.arm.arm_reading import ArmReading
from so101_driver.arm.arm_setup import FOLLOWER
from so101_driver.arm.commands import CommandSources, in_joint_order
from so101_driver.arm.follower import Follower
from so101_driver.arm.gripper import GripperRelief
from so101_driver.common.errors import ConfigError
from so101_driver.ros.arm_node import COMMAND_QOS, JOINT_QOS, ArmNode, joint_message, state_message
from so101_driver.ros.base_node import Stop, declare, run
from so101_driver.ros.data_node import DataListener


class FollowerNode(ArmNode):
    """Wires topics, services and the `active_source` parameter to a `Follower`."""

    def __init__(self, stop: Stop) -> None:
        super().__init__('follower', stop)
        self._config = config = declare(self, FollowerConfig)
        self._states = self.create_publisher(JointState, '~/joint_states', JOINT_QOS)
        self._applied = self.create_publisher(JointState, '~/applied_commands', JOINT_QOS)
        # Services wait for the arm's thread; commands must not wait behind them.
        self._listener = DataListener(self, stop)
        with self.released_on_error():
            self._start(config)

    def _start(self, config: FollowerConfig) -> None:
        arm = self.open_arm(config, FOLLOWER)
        self._sources = CommandSources(
            config.sources, config.active_source, config.limits(arm.calibration)
        )
        self._follower = Follower(
            arm,
            self._sources,
            GripperRelief(config.gripper_relief_duty, config.gripper_relief_after_s),
            self,
            self.now_ns,
            config.home_motion(arm.calibration),
            config.torque_on_reconnect,
            self._active_source,
        )
        self.add_on_set_parameters_callback(self._on_parameters)
        for source in config.sources:
            self._listener.subscribe(
                JointState, config.topic(source), partial(self._on_command, source), COMMAND_QOS
            )
        self.create_service(SetBool, '~/set_torque', self._on_set_torque)
        self.create_service(Trigger, '~/clear_fault', self._on_clear_fault)
        self.create_service(Trigger, '~/home', self._on_home)
        if config.torque_on_start and arm.state is not ArmState.ACTIVE:
            arm.enable()
        self.start_thread(arm, config, self._follower.cycle, self._follower.connected)
        self._listener.start()

    def close(self) -> None:
        """Hear no more commands, then stop as every arm does."""
        try:
            self._listener.close()
        finally:
            super().close()

    def joint_states(self, reading: ArmReading) -> None:
        """Publish a reading; called from the arm's thread."""
        self._states.publish(state_message(reading, self._config))

    def applied(self, applied: Applied, kind: str) -> None:
        """Publish what was written; called from the arm's thread."""
        self._applied.publish(joint_message(applied.goal_rad, applied.stamp_ns, kind))

    def state_text(self) -> str:
        """Return what the arm does now."""
        return self._follower.state_text()

    def details(self) -> Mapping[str, object]:
        """Return the command sources' counters."""
        return {
            'active_source': self._sources.active,
            'commands': self._sources.text,
            'clamped': self._sources.clamped,
            **{f'refused.{reason}': n for reason, n in dict(self._sources.refused).items()},
        }

    def _on_command(self, source: str, message: JointState) -> None:
        try:
            positions = in_joint_order(message.name, message.position)
        except ConfigError as error:
            self._sources.refused[f'{source}: {error}'] += 1
            self.get_logger().warning(f'{source}: {error}', throttle_duration_sec=5.0)
            return
        stamp_ns = Time.from_msg(message.header.stamp).nanoseconds
        reason = self._sources.offer(source, positions, stamp_ns, self.now_ns())
        if reason:
            self.get_logger().warning(f'command refused: {reason}', throttle_duration_sec=5.0)

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        """Only look: another callback may still refuse what this one lets pass."""
        for parameter in parameters:
            if parameter.name == 'active_source':
                try:
                    self._sources.check(str(parameter.value))
                except ConfigError as error:
                    return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _active_source(self) -> str:
        """Return what the parameter is now; called from the arm's thread in each cycle."""
        source = str(self.get_parameter('active_source').value)
        if source != self._sources.active:
            self.get_logger().info(f'obeying "{source}"')
        return source

    def _on_set_torque(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        return self.answer_torque(request, response, self._follower.set_torque)

    def _on_clear_fault(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        return self.answer('clear_fault', response, self._follower.clear_fault)

    def _on_home(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Reply when the way begins; diagnostics tell when the arm is there."""
        return self.answer('home', response, self._follower.go_home)


def main(args: list[str] | None = None) -> int:
    """Run the follower."""
    return run(FollowerNode, args)


if __name__ == '__main__':
    sys.exit(main())
