"""Arm and camera go away and come back while an episode is recorded: it goes on, and tells."""

from __future__ import annotations

import json
from pathlib import Path

from recorder_node.dataset.check import Checker
from tests.conftest import wait_until
from tests.faults import NOISE, NOISE_RATE, PASSING, TRIPPING, clamp_rad, worst_step_rad
from tests.launch.fidelity import check_applied
from tests.launch.listening import ARM, Listener
from tests.launch.session import Launch, launched

MAX_VELOCITY_RAD_S = 3.0
LONG = {
    'cameras': 'front', 'episode_time_s': 600, 'max_gap_s': 30, 'torque_on_reconnect': True,
    'max_velocity_rad_s': MAX_VELOCITY_RAD_S, 'ramp_speed_rad_s': MAX_VELOCITY_RAD_S,
}  # fmt: skip


def in_the_middle_of_a_take(session: Launch, listener: Listener) -> None:
    session.wait_for('1 to record')
    wait_until(lambda: list(session.root.with_name('ds.recording').glob('take-*')), 60.0, 'a take')
    listener.moving()


def check_saved(session: Launch, listener: Listener) -> dict:
    """Save the take; return its report."""
    assert 'episode 0 saved' in session.call('save_episode'), session.log
    assert session.wait() == 0, session.log
    assert Checker(session.root).run() == []
    check_applied(session.root, 0, 'degrees', listener.by_stamp)
    stamps_ns = [entry.stamp_ns for entry in listener.applied]
    worst_rad = worst_step_rad(stamps_ns, [entry.positions_rad for entry in listener.applied])
    assert worst_rad <= clamp_rad(MAX_VELOCITY_RAD_S)
    (report,) = map(json.loads, (session.root / 'recorder/episodes.jsonl').open())
    return report


def test_unplugged_and_plugged_in_again_during_an_episode(tmp_path: Path) -> None:
    with (
        launched(tmp_path, **LONG) as session,
        Listener(session.domain, ('front',)) as listener,
    ):
        in_the_middle_of_a_take(session, listener)
        for _ in range(3):
            print(listener.interrupt(ARM, 0.4, kind='unplug'))
            print(listener.interrupt('front', 0.4, kind='camera_unplug', camera='front'))
        report = check_saved(session, listener)
    assert session.log.count('the camera is back') == 3
    assert session.log.count('connected, active') >= 3
    for stream in ('action', 'observation.state', 'observation.images.front'):
        assert report['streams'][stream]['stale'] > 3
        assert f'{stream} was older than allowed in' in session.log


def test_every_fault_in_turn_while_recording(tmp_path: Path) -> None:
    with (
        launched(tmp_path, **LONG) as session,
        Listener(session.domain, ('front',)) as listener,
    ):
        in_the_middle_of_a_take(session, listener)
        for kind in NOISE:
            listener.inject(kind=kind, rate=NOISE_RATE)
        listener.hear_more(300)
        listener.inject(kind='clear')
        assert 'connected, active' not in session.log, 'noise is no reason to give the arm up'
        for fault, words in PASSING:
            # It lasts until it is told: how soon that is depends on what else the machine does.
            told = session.log.count(words)
            listener.inject(**{**fault, 'for_s': 1000.0})
            wait_until(lambda told=told, words=words: session.log.count(words) > told, what=words)
            listener.inject(kind='clear')
            listener.hear_more(30)
        for kind in TRIPPING:
            listener.inject(kind=kind, servo='elbow_flex')
            session.wait_for(f'elbow_flex: {kind}')
            listener.inject(kind='clear')
            wait_until(lambda: 'success=True' in clear_fault(session), 30.0, f'no more {kind}')
            listener.hear_more(30)
        check_saved(session, listener)


def clear_fault(session: Launch) -> str:
    return session.ros2('service', 'call', '/follower/clear_fault', 'std_srvs/srv/Trigger').stdout
