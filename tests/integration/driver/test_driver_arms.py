"""Leader, follower and simulator as processes: teleoperation, sources, torque rule, refusals."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger

from so101_driver.arm import calibration
from so101_driver.arm.joints import JOINTS
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import Register
from so101_driver.simulator.operator import PickAndPlace
from tests.conftest import wait_until

SIM = Path(__file__).parents[3] / 'config' / 'sim'
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def torque(port: Path) -> list[int]:
    """Read the torque registers past any node, as the next driver would."""
    bus = ServoBus(str(port), answer_timeout_s=0.2)
    bus.open()
    try:
        ids = calibration.load(SIM / 'follower.json').ids.values()
        return [bus.read(i, Register.TORQUE_ENABLE) for i in ids]
    finally:
        bus.close()


def status(state: str, episode: int) -> DiagnosticStatus:
    message = DiagnosticStatus(name='recorder')
    message.values = [
        KeyValue(key='state', value=state),
        KeyValue(key='episode_index', value=str(episode)),
    ]
    return message


def stamp_ns(message: JointState) -> int:
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


class Bench:
    """Simulator, follower and leader."""

    def __init__(self, processes: Any, folder: Path) -> None:
        self.processes = processes
        self.ports = (folder / 'follower', folder / 'leader')
        self.simulator = processes.start(
            'simulator_node', follower_port=self.ports[0], leader_port=self.ports[1], seed=2
        )
        self.leader = processes.start(
            'leader_node',
            port=self.ports[1],
            calibration=SIM / 'leader.json',
            port_wait_s=10.0,
        )
        self.follower = self.start_follower()

    def start_follower(self) -> subprocess.Popen[bytes]:
        return self.processes.start(
            'follower_node',
            port=self.ports[0],
            calibration=SIM / 'follower.json',
            port_wait_s=10.0,
            ramp_speed_rad_s=4.0,
        )


@pytest.fixture
def bench(processes: Any, tmp_path: Path) -> Bench:
    return Bench(processes, tmp_path)


def agree(one: list[Any], other: list[Any], tolerance_rad: float = 0.01) -> bool:
    if not one or not other:
        return False
    return bool(np.allclose(one[-1].position, other[-1].position, atol=tolerance_rad))


def test_teleoperation_from_start_to_end(bench: Bench, watcher: Any) -> None:
    leader = watcher.watch(JointState, '/leader/joint_states')
    states = watcher.watch(JointState, '/follower/joint_states')
    applied = watcher.watch(JointState, '/follower/applied_commands')
    recorder = watcher.node.create_publisher(DiagnosticStatus, '/recorder/status', LATCHED)
    watcher.until(lambda: agree(leader, states))
    assert list(states[-1].name) == list(applied[-1].name) == list(JOINTS)
    # No service of the follower can delay a command: another executor hears them.
    listeners = watcher.node.get_subscriptions_info_by_topic('/leader/joint_commands')
    assert [info.node_name for info in listeners] == ['_follower_data']

    recorder.publish(status('RECORDING', 0))
    motion = PickAndPlace(2).motion(0)
    highest = motion.positions_rad[:, 1].max()
    watcher.until(lambda: states[-1].position[1] > highest - 0.3)
    assert {message.header.frame_id for message in applied} <= {'command', 'hold'}
    assert applied[-1].header.frame_id in ('command', 'hold')
    for messages in (states, applied, leader):
        stamps = [stamp_ns(message) for message in messages]
        assert all(b > a for a, b in itertools.pairwise(stamps))
    steps = np.abs(np.diff([list(message.position) for message in applied], axis=0))
    assert steps.max() < 6.0 * 0.05 + 0.01

    recorder.publish(status('RESET', 1))
    start = PickAndPlace(2).motion(1).positions_rad[0]
    watcher.until(lambda: np.allclose(leader[-1].position, start, atol=0.005))
    watcher.until(lambda: agree(leader, states))

    assert bench.processes.stop(bench.follower) == 0, bench.processes.output(bench.follower)
    assert torque(bench.ports[0]) == [0] * 6
    assert bench.processes.stop(bench.leader, signal.SIGTERM) == 0
    assert bench.processes.stop(bench.simulator) == 0
    assert not any(os.path.lexists(port) for port in bench.ports)


def set_source(watcher: Any, name: str) -> Any:
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=name)
    request = SetParameters.Request(parameters=[Parameter(name='active_source', value=value)])
    return watcher.call(SetParameters, '/follower/set_parameters', request).results[0]


def test_sources_torque_and_faults_by_service(bench: Bench, watcher: Any) -> None:
    leader = watcher.watch(JointState, '/leader/joint_states')
    states = watcher.watch(JointState, '/follower/joint_states')
    applied = watcher.watch(JointState, '/follower/applied_commands')
    policy = watcher.node.create_publisher(JointState, '/policy/joint_commands', 1)
    watcher.until(lambda: agree(leader, states))

    refused = set_source(watcher, 'ghost')
    assert not refused.successful
    assert 'no command source "ghost"' in refused.reason
    assert set_source(watcher, 'policy').successful
    applied.clear()
    watcher.until(lambda: len(applied) > 20)
    assert applied[-1].header.frame_id == 'hold'

    goal = [0.4, -0.6, 0.5, 0.3, 0.2, 0.6]
    shuffled = JointState(name=list(reversed(JOINTS)), position=list(reversed(goal)))

    def moved() -> bool:
        policy.publish(shuffled)
        return bool(np.allclose(states[-1].position, goal, atol=0.01))

    watcher.until(moved)

    off = watcher.call(SetBool, '/follower/set_torque', SetBool.Request(data=False))
    assert off.success
    applied.clear()
    states.clear()
    watcher.until(lambda: len(states) > 20)
    assert not applied
    cleared = watcher.call(Trigger, '/follower/clear_fault', Trigger.Request())
    assert cleared.success
    assert cleared.message == 'no fault'
    assert watcher.call(SetBool, '/follower/set_torque', SetBool.Request(data=True)).success
    watcher.until(lambda: applied)


def test_killed_follower_holds_and_comes_back_without_a_jump(bench: Bench, watcher: Any) -> None:
    leader = watcher.watch(JointState, '/leader/joint_states')
    states = watcher.watch(JointState, '/follower/joint_states')
    watcher.until(lambda: agree(leader, states))
    bench.processes.stop(bench.follower, signal.SIGKILL)
    assert torque(bench.ports[0]) == [1] * 6
    before = list(states[-1].position)
    states.clear()
    bench.follower = bench.start_follower()
    watcher.until(lambda: len(states) > 20)
    positions = np.array([list(message.position) for message in states])
    assert np.abs(positions - before).max() < 0.02


@pytest.mark.parametrize('end_with_parent', [True, False])
def test_death_of_the_parent_ends_the_node_where_that_is_wanted(
    processes: Any, tmp_path: Path, watcher: Any, end_with_parent: bool
) -> None:
    ports = (tmp_path / 'follower', tmp_path / 'leader')
    processes.start('simulator_node', follower_port=ports[0], leader_port=ports[1])
    states = watcher.watch(JointState, '/follower/joint_states')
    arguments = [
        sys.executable, '-m', 'so101_driver.ros.follower_node', '--ros-args',
        '-p', f'port:={ports[0]}', '-p', f'calibration:={SIM / "follower.json"}',
        '-p', 'port_wait_s:=10.0', '-p', f'end_with_parent:={end_with_parent}',
    ]  # fmt: skip
    with (tmp_path / 'log').open('w') as log:
        parent = subprocess.Popen(
            [
                sys.executable,
                '-c',
                'import subprocess, sys; child = subprocess.Popen(sys.argv[1:]); '
                'print(child.pid, flush=True); child.wait()',
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=SIM.parents[1],
        )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    watcher.until(lambda: states)
    parent.kill()
    parent.wait()
    parent.stdout.close()

    def gone() -> bool:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return True
        # Where nobody reaps orphans the process stays behind as a zombie.
        stat = Path(f'/proc/{child}/stat').read_text()
        return stat.rsplit(')', 1)[1].split()[0] == 'Z'

    if not end_with_parent:
        # A supervisor that forks twice leaves its nodes without the parent that started them.
        states.clear()
        watcher.until(lambda: len(states) > 100)
        os.kill(child, signal.SIGHUP)
    watcher.until(gone)
    reason = 'the parent process ended' if end_with_parent else 'SIGHUP'
    assert f'ending: {reason}' in (tmp_path / 'log').read_text()
    assert torque(ports[0]) == [0] * 6


# The last thing that the constructor does after the motors were powered fails, and the way back
# from there as well.
FAILS_LATE = """
import importlib, sys
from so101_driver.ros.arm_node import ArmNode
from so101_driver.ros.data_node import DataListener
from so101_driver.bus.registers import Register

def start_thread(self, arm, *_):
    arm.enable()
    print('was powered:', [arm.bus.read(i, Register.TORQUE_ENABLE) for i in range(1, 7)])
    raise RuntimeError('the last step failed')

def close(self):
    raise RuntimeError('and so did the end of hearing')

ArmNode.start_thread = start_thread
DataListener.close = close
module = importlib.import_module(f'so101_driver.ros.{sys.argv.pop(1)}_node')
sys.exit(module.main(sys.argv))
"""


@pytest.mark.parametrize('name', ['follower', 'leader'])
def test_an_arm_whose_node_cannot_be_made_is_released(
    processes: Any, tmp_path: Path, name: str
) -> None:
    ports = {role: tmp_path / role for role in ('follower', 'leader')}
    processes.start('simulator_node', follower_port=ports['follower'], leader_port=ports['leader'])
    wait_until(ports[name].exists)
    child = subprocess.run(
        [
            sys.executable, '-c', FAILS_LATE, name, '--ros-args', '-p', f'port:={ports[name]}',
            '-p', f'calibration:={SIM / f"{name}.json"}', '-p', 'port_wait_s:=10.0',
        ],
        capture_output=True, text=True, timeout=30, cwd=SIM.parents[1],
    )  # fmt: skip
    assert 'was powered: [1, 1, 1, 1, 1, 1]' in child.stdout, child.stderr
    assert 'the last step failed' in child.stderr
    assert child.returncode == 1
    assert torque(ports[name]) == [0] * 6


@pytest.mark.parametrize(
    ('parameters', 'message'),
    [
        ({}, 'port: must not be empty'),
        ({'port': '/dev/no_such_port', 'calibration': SIM / 'follower.json'}, 'no such device'),
        ({'port': '/dev/null', 'id': 'nobody'}, 'no calibration file for follower "nobody"'),
        ({'port': '/dev/null', 'id': 'x', 'rate_hz': 0.5}, 'rate_hz: '),
        ({'port': '/dev/null', 'id': 'x', 'leader_topic': 'a b'}, 'leader_topic: "a b"'),
    ],
)
def test_refused_start_says_why(
    processes: Any, parameters: dict[str, object], message: str
) -> None:
    child = processes.start('follower_node', **parameters)
    assert child.wait(20) == 2
    assert message in processes.output(child)
