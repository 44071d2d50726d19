"""Executable `simulator`: two simulated arms on pseudo-terminals, moved by the operator."""

from __future__ import annotations

import logging
import sys
import time

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

from so101_driver.common.errors import ConfigError, ProtocolError
from so101_driver.ros.base_node import Stop, create_steady_timer, declare, run
from so101_driver.simulator.world import SimulatorConfig, World

STATUS_TOPIC = '/recorder/status'
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
_FREE_RUN_PERIOD_S = 0.1


class SimulatorNode(Node):
    """Wires the recorder's status to the operator, and `~/fault` to the buses."""

    def __init__(self, stop: Stop) -> None:
        super().__init__('simulator')
        self._stop = stop
        # The simulator's own modules know no ROS; what they log is passed on.
        logging.basicConfig(format='[simulator]: %(message)s', stream=sys.stderr)
        self.world = World(declare(self, SimulatorConfig))
        config = self.world.config
        self.create_subscription(String, '~/fault', self._on_fault, 10)
        if config.episode_motion:
            self.create_subscription(DiagnosticStatus, STATUS_TOPIC, self._on_status, LATCHED)
        else:
            create_steady_timer(self, _FREE_RUN_PERIOD_S, self._run_freely)
        # Last, so that no port is left behind when anything else fails.
        self.world.start()
        self.get_logger().info(
            f'follower at {config.follower_port}, leader at {config.leader_port}, '
            f'motion: {config.motion_file or "scripted pick-and-place"}'
        )

    def close(self) -> None:
        """Make the ports vanish, then judge the host where that was asked for."""
        self.world.close()
        try:
            self.world.check()
        except ProtocolError as error:
            self.get_logger().error(str(error))
            self._stop.exit_code = self._stop.exit_code or 1

    def _on_fault(self, message: String) -> None:
        try:
            count = self.world.inject(message.data)
        except ConfigError as error:
            self.get_logger().error('; '.join(error.problems))
            return
        if count:  # the others are the cameras'
            self.get_logger().info(f'{count} fault(s) ordered: {message.data}')

    def _on_status(self, message: DiagnosticStatus) -> None:
        values = {pair.key: pair.value for pair in message.values}
        try:
            episode = int(values['episode_index'])
        except (KeyError, ValueError):
            self.get_logger().warning(
                f'{STATUS_TOPIC} carries no usable episode_index', throttle_duration_sec=5.0
            )
            return
        self.world.operator.follow_status(values.get('state', ''), episode, time.monotonic_ns())

    def _run_freely(self) -> None:
        self.world.operator.run_freely(time.monotonic_ns())


def main(args: list[str] | None = None) -> int:
    """Run the simulator."""
    return run(SimulatorNode, args)


if __name__ == '__main__':
    sys.exit(main())
