"""Every fault in turn while a leader commands a follower: named, overcome, and never a jump."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from tests.faults import NOISE, NOISE_RATE, PASSING, TRIPPING, clamp_rad, worst_step_rad
from tests.integration.driver.test_driver_telemetry import Pair, latest

MAX_VELOCITY_RAD_S = 3.0


def test_every_fault_in_turn(processes: Any, watcher: Any, tmp_path: Path) -> None:
    pair = Pair(
        processes,
        tmp_path,
        torque_on_reconnect=True,
        max_velocity_rad_s=MAX_VELOCITY_RAD_S,
        ramp_speed_rad_s=MAX_VELOCITY_RAD_S,
    )
    arrays = watcher.watch(DiagnosticArray, '/diagnostics')
    states = watcher.watch(JointState, '/follower/joint_states')
    applied = watcher.watch(JointState, '/follower/applied_commands')
    faults = watcher.node.create_publisher(String, '/simulator/fault', 10)

    def says(words: str) -> bool:
        status = latest(arrays[-6:], 'follower: arm')
        return status is not None and words in status.message

    def order(**fault: object) -> None:
        faults.publish(String(data=json.dumps(fault)))

    def logged(words: str) -> bool:
        return words in processes.output(pair.follower)

    watcher.until(lambda: says('following leader'))
    for kind in NOISE:
        order(kind=kind, rate=NOISE_RATE)
    seen = len(states)
    watcher.until(lambda: len(states) > seen + 200)
    order(kind='clear')
    assert 'connected, active' not in processes.output(pair.follower), 'noise ends no link'

    for fault, words in PASSING:
        # It lasts until it is told: how soon that is depends on what else the machine does.
        order(**{**fault, 'for_s': 1000.0})
        watcher.until(lambda words=words: logged(words))
        order(kind='clear')
        watcher.until(lambda: says('following leader'))

    for kind in TRIPPING:
        order(kind=kind, servo='elbow_flex')
        watcher.until(lambda kind=kind: says(f'elbow_flex: {kind}') and says('elbow_flex held'))
        order(kind='clear')
        watcher.until(
            lambda: watcher.call(Trigger, '/follower/clear_fault', Trigger.Request()).success
        )
        watcher.until(lambda: says('following leader') and not says('held'))

    order(kind='unplug', bus='leader', for_s=1.5)
    watcher.until(lambda: says('holding: no command from leader'))
    watcher.until(lambda: says('following leader'))

    stamps_ns = [Time.from_msg(message.header.stamp).nanoseconds for message in applied]
    worst_rad = worst_step_rad(stamps_ns, [list(message.position) for message in applied])
    assert worst_rad <= clamp_rad(MAX_VELOCITY_RAD_S)
    poses = np.array([list(state.position) for state in states])
    stamps_s = np.array([s.header.stamp.sec + s.header.stamp.nanosec * 1e-9 for s in states])
    pace = np.abs(np.diff(poses, axis=0)).max(axis=1) / np.maximum(np.diff(stamps_s), 0.01)
    assert pace.max() < 5.0, 'no servo of this arm moves faster'

    order(kind='silent', servo='shoulder_lift')
    watcher.until(lambda: logged('shoulder_lift (id 2) does not answer'))
    reply = watcher.call(SetBool, '/follower/set_torque', SetBool.Request(data=True))
    assert not reply.success
    assert processes.stop(pair.follower) == 1
    assert 'torque may still be on at shoulder_lift (id 2)' in processes.output(pair.follower)
