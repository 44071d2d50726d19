"""``ros2 topic``, ``service``, ``node`` and ``param`` against a node in another process."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.embedded.conftest import wait_until
from tests.embedded.runtime import HUMBLE, ROS2

NODE = """
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile, DurabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool

def answer(request, response):
    response.success, response.message = request.data, 'done'
    return response

rclpy.init()
node = rclpy.create_node('arm', namespace='/left')
joints = node.create_publisher(JointState, '~/joints', 10)
latched = node.create_publisher(
    String, '/status', QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
latched.publish(String(data='idle'))
health = node.create_publisher(
    DiagnosticStatus, '/health', QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
health.publish(DiagnosticStatus(level=DiagnosticStatus.ERROR, name='arm'))
node.create_subscription(String, '/heard', lambda m: print('heard', m.data, flush=True), 10)
node.create_service(SetBool, '~/enable', answer)
node.create_timer(0.02, lambda: joints.publish(
    JointState(name=['a', 'b'], position=[0.5, -1.0], velocity=[0.0] * 200)))
node.declare_parameter('gain', 1.5, ParameterDescriptor(
    description='How strong', floating_point_range=[FloatingPointRange(to_value=2.0)]))
node.declare_parameter('camera.name', 'wrist')
print('ready', flush=True)
try:
    rclpy.spin(node)
except ExternalShutdownException:
    pass
"""


@pytest.fixture(scope='module')
def arm() -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen([sys.executable, '-c', NODE], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == 'ready\n'
    yield child
    child.terminate()
    assert child.wait(10) == 0


def ros2(*words: str, code: int = 0) -> str:
    result = subprocess.run(
        [*ROS2, *words],
        text=True,
        timeout=30,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert result.returncode == code, result.stdout
    return result.stdout


def until_in(text: str, *words: str) -> None:
    """Repeat a command until it prints a text: a genuine daemon learns by and by."""
    wait_until(lambda: text in ros2(*words))


def test_topic_list_type_and_info(arm: Any) -> None:
    until_in('/left/arm/joints [sensor_msgs/msg/JointState]\n', 'topic', 'list', '-t')
    assert ros2('topic', 'type', '/status') == 'std_msgs/msg/String\n'
    info = ros2('topic', 'info', '-v', '/status')
    assert info.startswith('Type: std_msgs/msg/String\n\nPublisher count: 1\n\nNode name: arm\n')
    assert '  History (Depth): KEEP_LAST (1)\n' in info or 'UNKNOWN' in info, 'by the middleware'
    assert '  Durability: TRANSIENT_LOCAL\n' in info and 'Subscription count: 0' in info
    assert 'Unknown topic' in ros2('topic', 'info', '/nothing', code=1)


def test_topic_echo(arm: Any) -> None:
    assert ros2('topic', 'echo', '--once', '/status') == 'data: idle\n---\n'
    text = ros2('topic', 'echo', '--once', '/left/arm/joints', 'sensor_msgs/msg/JointState')
    assert text.startswith(
        "header:\n  stamp:\n    sec: 0\n    nanosec: 0\n  frame_id: ''\nname:\n- a\n- b\n"
        'position:\n- 0.5\n- -1.0\nvelocity:\n- 0.0\n'
    )
    assert "- '...'\neffort: []\n---\n" in text
    full = ros2('topic', 'echo', '--once', '--full-length', '/left/arm/joints')
    assert '...' not in full and full.count('- 0.0\n') == 200
    assert ros2('topic', 'echo', '--once', '--field', 'name', '/left/arm/joints') == (
        "['a', 'b']\n---\n"
    )
    assert ros2('topic', 'echo', '--once', '/health').startswith('level: "\\x02"\nname: arm\n')
    line = ros2('topic', 'echo', '--once', '--csv', '/left/arm/joints')
    assert line.startswith('0,0,,a,b,0.5,-1.0,0.0')
    assert 'invalid' in ros2('topic', 'echo', '/status', 'no/msg/Such', code=1)


def lines_of(verb: str) -> tuple[str, str]:
    """Return the first two lines of figures that a command prints, then interrupt it."""
    child = subprocess.Popen(
        [*ROS2, 'topic', verb, '/left/arm/joints'],
        text=True,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        first = child.stdout.readline()
        while not re.search(r'\d', first):
            first = child.stdout.readline()
        return first, child.stdout.readline()
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(10)
        child.stdout.close()


def test_topic_hz(arm: Any) -> None:
    first, second = lines_of('hz')
    rate = re.fullmatch(r'average rate: (\d+\.\d{3})\n', first)
    assert rate and 40 < float(rate[1]) < 60
    assert re.fullmatch(
        r'\tmin: \d\.\d{3}s max: \d\.\d{3}s std dev: \d\.\d{5}s window: \d+\n', second
    )


def test_topic_bw(arm: Any) -> None:
    first, second = lines_of('bw')
    assert re.fullmatch(r'\d+\.\d\d ?KB/s from \d+ messages\n', first)
    assert re.fullmatch(r'\s+Message size mean: \S+ ?KB min: \S+ ?KB max: \S+ ?KB\n', second)


def test_topic_pub(arm: Any) -> None:
    output = ros2('topic', 'pub', '--once', '/heard', 'std_msgs/msg/String', '{data: hi}')
    assert "publishing #1: std_msgs.msg.String(data='hi')" in output
    assert arm.stdout.readline() == 'heard hi\n'
    assert 'no attribute' in ros2(
        'topic', 'pub', '--once', '/heard', 'std_msgs/msg/String', '{text: hi}', code=1
    )


def test_service_commands(arm: Any) -> None:
    until_in('/left/arm/enable [std_srvs/srv/SetBool]\n', 'service', 'list', '-t')
    if not HUMBLE:
        until_in('/left/arm/get_type_description\n', 'service', 'list')
    assert ros2('service', 'type', '/left/arm/enable') == 'std_srvs/srv/SetBool\n'
    output = ros2('service', 'call', '/left/arm/enable', 'std_srvs/srv/SetBool', '{data: true}')
    assert output.endswith(
        'requester: making request: std_srvs.srv.SetBool_Request(data=True)\n\nresponse:\n'
        "std_srvs.srv.SetBool_Response(success=True, message='done')\n\n"
    )
    assert 'The passed service type is invalid' in ros2(
        'service', 'call', '/left/arm/enable', 'std_srvs/srv/No', code=1
    )


def test_node_commands(arm: Any) -> None:
    wait_until(lambda: ros2('node', 'list') == '/left/arm\n')
    info = ros2('node', 'info', '/left/arm')
    assert info.startswith('/left/arm\n  Subscribers:\n    /heard: std_msgs/msg/String\n')
    assert '    /left/arm/enable: std_srvs/srv/SetBool\n' in info
    assert "Unable to find node '/none'" in ros2('node', 'info', '/none', code=1)


def test_param_commands(arm: Any) -> None:
    builtin = '' if HUMBLE else 'start_type_description_service'
    names = '  camera.name\n  gain\n' + (f'  {builtin}\n' if builtin else '') + '  use_sim_time\n'
    assert ros2('param', 'list', '/left/arm') == names
    assert ros2('param', 'get', '/left/arm', 'gain') == 'Double value is: 1.5\n'
    assert ros2('param', 'set', '/left/arm', 'gain', '0.5') == 'Set parameter successful\n'
    # A refusal is told and is no failure of the command.
    assert 'out of range' in ros2('param', 'set', '/left/arm', 'gain', '3.0')
    assert ros2('param', 'get', '/left/arm', 'gain') == 'Double value is: 0.5\n'
    described = ros2('param', 'describe', '/left/arm', 'gain')
    assert '  Type: double\n  Description: How strong\n' in described
    assert '    Max value: 2.0\n' in described
    assert ros2('param', 'dump', '/left/arm') == (
        '/left/arm:\n  ros__parameters:\n    camera:\n      name: wrist\n    gain: 0.5\n'
        + (f'    {builtin}: true\n' if builtin else '')
        + '    use_sim_time: false\n'
    )
    assert 'Node not found' in ros2('param', 'get', '/none', 'x', code=1)
