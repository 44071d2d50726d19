"""Subscriptions that follow what publishers offer, over real topics."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

from recorder_node.ros.streams_node import AdaptiveSubscription
from so101_driver.ros.base_node import Stop
from so101_driver.ros.data_node import DataListener
from tests.conftest import wait_until

TOPIC = '/lab/words'


@pytest.fixture
def node() -> Iterator[Node]:
    """A node that publishes."""
    rclpy.init()
    node = rclpy.create_node('lab')
    yield node
    node.destroy_node()
    rclpy.shutdown()


@pytest.fixture
def listener(node: Node) -> Iterator[DataListener]:
    """What listens for it."""
    listener = DataListener(node, Stop())
    listener.start()
    yield listener
    listener.close()


def test_a_best_effort_publisher_that_joins_is_heard_and_no_message_twice(
    node: Node, listener: DataListener
) -> None:
    heard: list[str] = []
    subscription = AdaptiveSubscription(
        node,
        listener,
        TOPIC,
        'std_msgs/msg/String',
        lambda message: heard.append(message.data),
        10,
    )
    reliable = node.create_publisher(String, TOPIC, 10)

    def spun(text: str) -> bool:
        subscription.refresh()
        return text in heard

    def say(publisher: object, text: str) -> None:
        publisher.publish(String(data=text))  # type: ignore[attr-defined]

    wait_until(lambda: (say(reliable, 'one'), spun('one'))[1], what='the reliable publisher')
    first = list(listener.node.subscriptions)
    best_effort = node.create_publisher(
        String, TOPIC, QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    )
    wait_until(lambda: (say(best_effort, 'two'), spun('two'))[1], what='the best-effort publisher')
    # Destroying a subscription under a spinning executor blocks its callback group on Humble.
    assert set(first) <= set(listener.node.subscriptions)
    wait_until(lambda: reliable.get_subscription_count() == 2, what='both subscriptions')
    say(reliable, 'three')
    # Behind it on both subscriptions: what comes twice has come by then.
    wait_until(lambda: (say(reliable, 'four'), spun('four'))[1], what='four')
    say(best_effort, 'five')
    wait_until(lambda: spun('five'), what='five')
    assert heard.count('three') == 1


def test_what_a_publisher_keeps_for_late_listeners_is_heard(
    node: Node, listener: DataListener
) -> None:
    heard: list[str] = []
    kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.create_publisher(String, TOPIC, kept).publish(String(data='said before'))
    subscription = AdaptiveSubscription(
        node,
        listener,
        TOPIC,
        'std_msgs/msg/String',
        lambda message: heard.append(message.data),
        10,
    )

    def spun() -> bool:
        subscription.refresh()
        return bool(heard)

    wait_until(spun, what='the message')
    assert heard == ['said before']


def test_a_listener_is_closed_at_any_time_and_more_than_once(node: Node) -> None:
    DataListener(node, Stop()).close()
    flood = node.create_publisher(String, TOPIC, 10)
    listener = DataListener(node, Stop())
    heard: list[str] = []
    listener.subscribe(
        String, TOPIC, lambda message: heard.append(message.data), QoSProfile(depth=10)
    )
    listener.start()
    wait_until(lambda: (flood.publish(String(data='x')), heard)[1], what='the flood')
    for _ in range(2):
        flood.publish(String(data='y'))
        listener.close()
    assert not [thread for thread in threading.enumerate() if thread.name == 'data']
    count = len(heard)
    flood.publish(String(data='z'))
    assert len(heard) == count


def test_a_listener_hears_the_topic_as_its_owner_names_it() -> None:
    rclpy.init(args=['--ros-args', '-r', '__node:=arm', '-r', '__ns:=/left', '-r', 'in:=out'])
    owner = rclpy.create_node('follower')
    listener = DataListener(owner, Stop())
    try:
        listener.subscribe(String, 'in', lambda message: None, QoSProfile(depth=1))
        (subscription,) = listener.node.subscriptions
        assert subscription.topic_name == '/left/out'
        assert listener.node.get_fully_qualified_name() == '/left/_arm_data'
    finally:
        listener.close()
        owner.destroy_node()
        rclpy.shutdown()
