"""Publishers and subscriptions, within a process and between processes."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import (
    DurabilityPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from tests.embedded.runtime import HUMBLE, STRING_HASH, embedded_only

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
Spin = Callable[[Callable[[], Any]], Any]

ECHO = """
import rclpy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('echo', namespace='/remote')
out = node.create_publisher(Image, '/out', 10)
node.create_subscription(Image, '/in', out.publish, 10)
try:
    rclpy.spin(node)
except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
    pass
"""


def test_messages_arrive_in_order_with_stamps(node: Any, spin: Spin) -> None:
    got: list[Any] = []
    node.create_subscription(JointState, 'joints', lambda m, info: got.append((m, info)), 10)
    publisher = node.create_publisher(JointState, 'joints', 10)
    spin(lambda: publisher.get_subscription_count() == 1)
    for i in range(5):
        publisher.publish(JointState(name=['a'], position=[float(i)]))
    spin(lambda: len(got) == 5)
    assert [m.position[0] for m, _ in got] == [0.0, 1.0, 2.0, 3.0, 4.0]
    info = got[-1][1]
    assert 0 <= info['received_timestamp'] - info['source_timestamp'] < 5e9


def test_raw_messages(node: Any, spin: Spin) -> None:
    raw: list[bytes] = []
    node.create_subscription(String, '/raw', raw.append, 10, raw=True)
    publisher = node.create_publisher(String, '/raw', 10)
    spin(publisher.get_subscription_count)
    publisher.publish(String(data='x'))
    spin(lambda: raw)
    publisher.publish(raw[0])
    spin(lambda: len(raw) == 2)
    assert raw[0] == raw[1]
    with pytest.raises(TypeError):
        publisher.publish(Image())


def test_late_subscription_gets_latched_message(node: Any, spin: Spin) -> None:
    got: list[str] = []
    node.create_publisher(String, 'latched', LATCHED).publish(String(data='kept'))
    node.create_subscription(String, 'latched', lambda m: got.append(m.data), LATCHED)
    spin(lambda: got == ['kept'])


def test_incompatible_qos_is_reported(
    node: Any,
    spin: Spin,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from rclpy.event_handler import SubscriptionEventCallbacks

    seen: list[Any] = []
    node.create_subscription(
        String,
        'mixed',
        lambda m: None,
        QoSProfile(depth=1),
        event_callbacks=SubscriptionEventCallbacks(incompatible_qos=seen.append),
    )
    publisher = node.create_publisher(String, 'mixed', qos_profile_sensor_data)
    spin(lambda: seen)
    assert seen[0].last_policy_kind.name == 'RMW_QOS_POLICY_RELIABILITY'
    assert publisher.get_subscription_count() == 0
    spin(lambda: 'requesting incompatible QoS' in capfd.readouterr().err)


def test_graph_names_publishers_and_their_qos(node: Any, spin: Spin) -> None:
    node.create_publisher(String, 'offered', qos_profile_sensor_data)
    (info,) = spin(lambda: node.get_publishers_info_by_topic('offered'))
    assert (info.node_name, info.node_namespace) == ('tester', '/')
    assert info.topic_type == 'std_msgs/msg/String'
    if not HUMBLE:
        assert str(info.topic_type_hash) == STRING_HASH
        assert info.topic_type_hash.version == 1
    assert info.qos_profile.reliability is ReliabilityPolicy.BEST_EFFORT
    assert len(info.endpoint_gid) in (16, 24)
    assert ('/offered', ['std_msgs/msg/String']) in node.get_topic_names_and_types()


def test_images_pass_between_processes(node: Any, spin: Spin, process: Any) -> None:
    child = process(ECHO)
    got: list[Any] = []
    node.create_subscription(Image, '/out', got.append, 10)
    publisher = node.create_publisher(Image, '/in', 10)
    spin(lambda: publisher.get_subscription_count() and node.count_publishers('/out'))
    spin(lambda: ('echo', '/remote') in node.get_node_names_and_namespaces())
    image = Image(height=480, width=640, encoding='rgb8', step=1920, data=bytes(range(256)) * 3600)
    for i in range(10):
        image.header.stamp.sec = i
        publisher.publish(image)
        spin(lambda n=i: len(got) == n + 1)
    assert got[-1] == image and isinstance(got[-1].data, array)
    child.terminate()
    assert child.wait(10) == 0
    spin(lambda: ('echo', '/remote') not in node.get_node_names_and_namespaces())


def test_destroyed_subscription_gets_nothing(ros: Any, node: Any) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    subscription = node.create_subscription(String, 'gone', lambda m: pytest.fail(m.data), 10)
    publisher = node.create_publisher(String, 'gone', 10)
    publisher.publish(String(data='x'))
    assert node.destroy_subscription(subscription)
    assert not node.destroy_subscription(subscription)
    executor.spin_once(timeout_sec=0.05)
    executor.shutdown()
    ros.shutdown()
    with pytest.raises(RuntimeError, match='context is invalid'):
        publisher.publish(String())


def test_wait_for_message(node: Any) -> None:
    from rclpy.wait_for_message import wait_for_message

    node.create_publisher(String, 'once', LATCHED).publish(String(data='here'))
    found, message = wait_for_message(String, node, 'once', qos_profile=LATCHED, time_to_wait=5)
    assert found and message.data == 'here'
    assert wait_for_message(String, node, 'never', time_to_wait=0.01) == (False, None)


@embedded_only('genuine rclpy may raise InvalidHandle in the thread that spins')
def test_subscriptions_made_while_messages_pour_in(ros: Any, node: Any, wait: Any) -> None:
    """A new reader may have data before its owner knows the reader."""
    publisher = node.create_publisher(String, '/pour', 10)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    ending = threading.Event()
    errors: list[Exception] = []

    def work() -> None:
        try:
            while not ending.is_set():
                publisher.publish(String(data='x'))
                executor.spin_once(timeout_sec=0)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(30):
        got: list[Any] = []
        subscription = node.create_subscription(String, '/pour', got.append, 10)
        wait(lambda got=got: got or errors)
        node.destroy_subscription(subscription)
    ending.set()
    thread.join()
    executor.shutdown()
    assert not errors
