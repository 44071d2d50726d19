"""Subscriptions that follow what publishers offer, over real topics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

from recorder_node.streams_node import AdaptiveSubscription
from tests.conftest import wait_until

TOPIC = '/lab/words'


@pytest.fixture
def node() -> Iterator[Node]:
    """A node that publishes and listens."""
    rclpy.init()
    node = rclpy.create_node('lab')
    yield node
    node.destroy_node()
    rclpy.shutdown()


def test_a_best_effort_publisher_that_joins_is_heard_and_no_message_twice(node: Node) -> None:
    heard: list[str] = []
    subscription = AdaptiveSubscription(
        node,
        TOPIC,
        'std_msgs/msg/String',
        lambda message: heard.append(message.data),
        10,
        MutuallyExclusiveCallbackGroup(),
    )
    reliable = node.create_publisher(String, TOPIC, 10)

    def spun(text: str) -> bool:
        subscription.refresh()
        rclpy.spin_once(node, timeout_sec=0.02)
        return text in heard

    def say(publisher: object, text: str) -> None:
        publisher.publish(String(data=text))  # type: ignore[attr-defined]

    wait_until(lambda: (say(reliable, 'one'), spun('one'))[1], what='the reliable publisher')
    first = list(node.subscriptions)
    best_effort = node.create_publisher(
        String, TOPIC, QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    )
    wait_until(lambda: (say(best_effort, 'two'), spun('two'))[1], what='the best-effort publisher')
    # Destroying a subscription under a spinning executor blocks its callback group on Humble.
    assert set(first) <= set(node.subscriptions)
    wait_until(lambda: reliable.get_subscription_count() == 2, what='both subscriptions')
    say(reliable, 'three')
    wait_until(lambda: spun('three'), what='three')
    for _ in range(10):
        spun('')
    assert heard.count('three') == 1


def test_what_a_publisher_keeps_for_late_listeners_is_heard(node: Node) -> None:
    heard: list[str] = []
    kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.create_publisher(String, TOPIC, kept).publish(String(data='said before'))
    subscription = AdaptiveSubscription(
        node,
        TOPIC,
        'std_msgs/msg/String',
        lambda message: heard.append(message.data),
        10,
        MutuallyExclusiveCallbackGroup(),
    )

    def spun() -> bool:
        subscription.refresh()
        rclpy.spin_once(node, timeout_sec=0.02)
        return bool(heard)

    wait_until(spun, what='the message')
    assert heard == ['said before']
