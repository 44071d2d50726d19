"""Who asks a follower to obey another source hears when it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState

from policy_node.evaluation.replay import Replay
from policy_node.ros.replay_node import EXIT_REFUSED, ReplayNode
from policy_node.ros.source_node import SourceChooser
from so101_driver.ros.base_node import Stop
from tests.conftest import JOINTS, wait_until


class Bench:
    """A follower that obeys nobody but its leader, and an executor."""

    def __init__(self) -> None:
        self.executor = SingleThreadedExecutor()
        self.follower = rclpy.create_node('follower')
        self.follower.declare_parameter('active_source', 'leader')
        self.follower.add_on_set_parameters_callback(
            lambda changes: SetParametersResult(
                successful=changes[0].value == 'leader', reason='this follower is being tested'
            )
        )
        self.heard: list[Any] = []
        self.follower.create_subscription(
            JointState, '/policy/joint_commands', self.heard.append, 10
        )
        self.executor.add_node(self.follower)

    def until(self, condition: Any, what: str) -> None:
        def step() -> Any:
            self.executor.spin_once(timeout_sec=0.02)
            return condition()

        wait_until(step, 20.0, what)


@pytest.fixture
def bench() -> Iterator[Bench]:
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    made = Bench()
    yield made
    made.executor.shutdown()
    made.follower.destroy_node()
    rclpy.try_shutdown()


def test_the_answer_is_told(bench: Bench) -> None:
    node = rclpy.create_node('asker')
    bench.executor.add_node(node)
    chooser = SourceChooser(node, ReentrantCallbackGroup())
    answers: list[str] = []
    bench.until(lambda: chooser.is_ready, 'the follower')
    chooser.choose('policy', answers.append)
    chooser.choose('leader', answers.append)
    bench.until(lambda: len(answers) == 2, 'both answers')
    refusal = 'the follower does not obey "policy": this follower is being tested'
    assert sorted(answers) == ['', refusal]
    node.destroy_node()


def test_a_replay_that_is_not_obeyed_ends(bench: Bench) -> None:
    stop = Stop()
    node = ReplayNode(stop, Replay(JOINTS, np.zeros((10_000, 6)), 30), 'leader')
    bench.executor.add_node(node)
    bench.until(stop.is_set, 'the end')
    assert stop.exit_code == EXIT_REFUSED
    assert len(bench.heard) < 100
    node.close()
    node.destroy_node()
