"""Diagnostics, velocity and effort, faults by topic, home, and several arms by namespace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from so101_driver.arm.joints import JOINTS

SIM = Path(__file__).parents[3] / 'config' / 'sim'


class Pair:
    """A simulated leader and follower, in a namespace of their own."""

    def __init__(self, processes: Any, folder: Path, side: str = '', **follower: object) -> None:
        ports = {role: folder / f'{side or "single"}_{role}' for role in ('follower', 'leader')}
        remap = (f'__ns:=/{side}',) if side else ()
        self.name = f'/{side}' if side else ''
        self.simulator = processes.start(
            'simulator_node',
            *remap,
            follower_port=ports['follower'],
            leader_port=ports['leader'],
            episode_motion=False,
        )
        self.follower = processes.start(
            'follower_node',
            *remap,
            port=ports['follower'],
            calibration=SIM / 'follower.json',
            port_wait_s=10.0,
            **follower,
        )
        self.leader = processes.start(
            'leader_node',
            *remap,
            port=ports['leader'],
            calibration=SIM / 'leader.json',
            port_wait_s=10.0,
        )


def latest(arrays: list[Any], name: str) -> DiagnosticStatus | None:
    found = [status for array in arrays for status in array.status if status.name == name]
    return found[-1] if found else None


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


def test_telemetry_velocity_and_faults_by_topic(
    processes: Any, watcher: Any, tmp_path: Path
) -> None:
    pair = Pair(processes, tmp_path, publish_velocity_effort=True, effort='current')
    arrays = watcher.watch(DiagnosticArray, '/diagnostics')
    states = watcher.watch(JointState, '/follower/joint_states')
    faults = watcher.node.create_publisher(String, '/simulator/fault', 10)
    watcher.until(lambda: latest(arrays, 'follower: gripper'))
    watcher.until(lambda: latest(arrays, 'leader: shoulder_pan'))

    joint = latest(arrays, 'follower: gripper')
    assert joint.level == DiagnosticStatus.OK
    assert joint.hardware_id.endswith('single_follower#6')
    shown = values(joint)
    assert (shown['temperature_c'], shown['voltage_v'], shown['faults']) == ('30', '5', 'none')
    assert {
        'load_duty', 'current_a', 'out_of_range_rad', 'reads', 'writes', 'retries', 'timeouts',
        'checksum_errors', 'failures', 'flagged',
    } <= set(shown)  # fmt: skip
    arm = values(latest(arrays, 'follower: arm'))
    assert arm['state'] == 'active'
    assert {'skipped_cycles', 'longest_cycle_ms', 'reconnects', 'alarms'} <= set(arm)

    watcher.until(lambda: np.abs([list(state.velocity) for state in states]).max() > 0.3)
    assert all(len(state.effort) == len(JOINTS) for state in states)

    def ordered(text: str, name: str, words: str, level: bytes) -> None:
        faults.publish(String(data=text))
        watcher.until(
            lambda: (
                (status := latest(arrays, name))
                and words in status.message
                and status.level == level
            )
        )

    ordered(
        '{"kind": "heat", "servo": "elbow_flex", "value": 66}',
        'follower: elbow_flex',
        'hotter than 65 C',
        DiagnosticStatus.ERROR,
    )
    ordered('{"kind": "clear"}', 'follower: elbow_flex', 'ok', DiagnosticStatus.OK)
    ordered(
        '{"kind": "unplug", "for_s": 2.5}',
        'follower: arm',
        'no such device; is the arm plugged in',
        DiagnosticStatus.ERROR,
    )
    watcher.until(lambda: (s := latest(arrays, 'follower: arm')) and s.level == DiagnosticStatus.OK)
    assert values(latest(arrays, 'follower: arm'))['reconnects'] == '1'
    faults.publish(String(data='{"kind": "explode"}'))
    watcher.until(lambda: 'kind "explode" is not one of' in processes.output(pair.simulator))


def test_home_by_service(processes: Any, watcher: Any, tmp_path: Path) -> None:
    Pair(processes, tmp_path, active_source='policy', home_speed_rad_s=3.0)
    states = watcher.watch(JointState, '/follower/joint_states')
    watcher.until(lambda: states)
    reply = watcher.call(Trigger, '/follower/home', Trigger.Request())
    assert reply.success, reply.message
    assert reply.message.startswith('going home')
    goal = np.deg2rad([0.0, -90.0, 80.0, 75.0, 0.0])
    watcher.until(lambda: np.allclose(list(states[-1].position)[:5], goal, atol=0.01))
    watcher.call(SetBool, '/follower/set_torque', SetBool.Request(data=False))
    reply = watcher.call(Trigger, '/follower/home', Trigger.Request())
    assert (reply.success, reply.message) == (False, 'not going home: the arm is inactive')


@pytest.mark.parametrize('sides', [('left', 'right')])
def test_each_namespace_is_a_pair_of_its_own(
    processes: Any, watcher: Any, tmp_path: Path, sides: tuple[str, ...]
) -> None:
    pairs = [Pair(processes, tmp_path, side, ramp_speed_rad_s=5.0) for side in sides]
    topics = {
        (pair.name, role): watcher.watch(JointState, f'{pair.name}/{role}/joint_states')
        for pair in pairs
        for role in ('leader', 'follower')
    }
    watcher.until(lambda: all(topics.values()))
    for pair in pairs:
        leader, follower = (topics[pair.name, role] for role in ('leader', 'follower'))
        first = np.array(list(follower[0].position))
        watcher.until(
            lambda leader=leader, follower=follower, first=first: (
                np.abs(np.array(list(follower[-1].position)) - first).max() > 0.2
                and np.allclose(leader[-1].position, follower[-1].position, atol=0.1)
            )
        )
