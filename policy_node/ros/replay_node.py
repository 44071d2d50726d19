"""`ros2 run recorder replay ROOT --episode N`: a recorded episode drives the follower again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import JointState

from policy_node.evaluation.replay import Replay, check, load, make_guard
from policy_node.ros.source_node import SourceChooser
from so101_driver.arm import calibration
from so101_driver.arm.units import DEGREES, MODES
from so101_driver.common.errors import DriverError
from so101_driver.ros.base_node import Stop, create_steady_timer, run

_TOPIC = '/policy/joint_commands'
_READY_S = 20.0
_CHECK_S = 0.1
EXIT_REFUSED = 1
EXIT_NO_FOLLOWER = 3


class ReplayNode(Node):
    """Sends one action per period as the follower's source `policy`, then hands back."""

    def __init__(self, stop: Stop, replay: Replay, give_back: str) -> None:
        super().__init__('replay')
        self._stop = stop
        self._replay = replay
        self._give_back = give_back
        self._next = 0
        self._waited_s = 0.0
        self._source = SourceChooser(self, ReentrantCallbackGroup())
        self._commands = self.create_publisher(JointState, _TOPIC, 10)
        self._is_ready = False
        create_steady_timer(
            self, _CHECK_S, self._wait_for_follower, MutuallyExclusiveCallbackGroup()
        )

    def _wait_for_follower(self) -> None:
        if self._is_ready:
            return
        listening = self._commands.get_subscription_count() > 0
        if not (self._source.is_ready and listening):
            self._waited_s += _CHECK_S
            if self._waited_s > _READY_S:
                self.get_logger().error(
                    f'no follower listens to {_TOPIC}; start one with: '
                    'ros2 launch recorder teleop_record.launch.py record:=false ...'
                )
                self._stop('no follower', EXIT_NO_FOLLOWER)
            return
        self._is_ready = True
        self._source.choose('policy', self._on_switched)
        rows, fps = len(self._replay.actions_rad), self._replay.fps
        self.get_logger().info(f'replaying {rows} actions at {fps} per second')
        create_steady_timer(self, 1.0 / fps, self._send, MutuallyExclusiveCallbackGroup())

    def _on_switched(self, refusal: str) -> None:
        if refusal:
            self.get_logger().error(refusal)
            self._stop('refused', EXIT_REFUSED)

    def _send(self) -> None:
        if self._stop.is_set() or self._next >= len(self._replay.actions_rad):
            self._stop('the episode is over')
            return
        message = JointState(
            name=list(self._replay.joints),
            position=self._replay.actions_rad[self._next].tolist(),
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._commands.publish(message)
        self._next += 1

    def close(self) -> None:
        """Hand the arm back; the follower holds until the other source commands."""
        if self._next:
            self._source.choose(self._give_back)
            self.get_logger().info(f'{self._next} of {len(self._replay.actions_rad)} actions sent')


def main(args: list[str] | None = None) -> int:
    """Replay an episode; return 1 when it was refused, 3 when there is no follower."""
    parser = argparse.ArgumentParser(
        prog='replay',
        description='Drive a running follower with a recorded episode. Every action is checked '
        'before the first is sent; the follower closes up to the first pose with a ramp.',
    )
    parser.add_argument('root', type=Path, help='folder of the dataset')
    parser.add_argument('--episode', type=int, default=0)
    parser.add_argument('--units', choices=MODES, default=DEGREES, help='of the joints in it')
    parser.add_argument(
        '--calibration', required=True, help="the follower's LeRobot calibration file, or its id"
    )
    parser.add_argument('--limit-margin-rad', type=float, default=0.35)
    parser.add_argument('--max-step-rad', type=float, default=1.0)
    parser.add_argument('--give-back', default='leader', help='source that commands afterwards')
    options, ros_args = parser.parse_known_args(args)
    try:
        arm = _calibration(options.calibration)
        replay = load(options.root.expanduser().absolute(), options.episode, options.units, arm)
        check(
            replay, make_guard(replay.joints, arm, options.limit_margin_rad, options.max_step_rad)
        )
    except DriverError as error:
        print(error, file=sys.stderr)
        return 1
    return run(lambda stop: ReplayNode(stop, replay, options.give_back), ros_args)


def _calibration(text: str) -> calibration.Calibration:
    path = Path(text).expanduser()
    return calibration.load(path) if path.is_file() else calibration.find('follower', text, '')


if __name__ == '__main__':
    sys.exit(main())
