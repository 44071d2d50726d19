"""Killed at any moment: saved episodes stay whole, the unfinished take is kept, nothing runs on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from recorder_node.dataset.check import Checker
from recorder_node.episode.take import leftovers
from tests.conftest import wait_until
from tests.launch.session import Launch, launched, steady_wait

LONG = {'num_episodes': 9, 'episode_time_s': 60, 'reset_time_s': 60, 'cameras': 'front'}


def one_saved_and_one_running(session: Launch) -> None:
    """Bring a session to the middle of its second episode."""
    folder = session.root.with_name('ds.recording')
    wait_until(lambda: running_rows(folder) > 2000 or session.ended, 60.0, 'the first take')
    assert 'episode 0 saved' in session.call('save_episode')
    assert 'success=True' in session.call('start_episode')
    wait_until(lambda: running_rows(folder) > 2000, 60.0, 'the second take')


def running_rows(folder: Path) -> int:
    """Return the bytes in the journal of the running take."""
    return sum(path.stat().st_size for path in folder.glob('take-*/rows.bin'))


def assert_saved_is_whole(session: Launch) -> None:
    """The saved episode is there; the unfinished one is beside it."""
    checker = Checker(session.root)
    assert checker.run() == []
    assert checker.episodes == 1
    (kept,) = leftovers(session.root.with_name('ds.recording'))
    assert (kept / 'rows.bin').stat().st_size > 1000
    assert (kept / 'observation.images.front.mp4').stat().st_size > 1000


def test_ctrl_c_keeps_and_names_the_unfinished_take(tmp_path: Path) -> None:
    with launched(tmp_path, **LONG) as session:
        one_saved_and_one_running(session)
        session.interrupt()
        session.wait()
    assert_saved_is_whole(session)
    assert 'the unfinished take is kept in' in session.log
    assert 'Traceback' not in session.log
    # A follower that could not release every motor ends with an error.
    assert '[follower-1]: process has finished cleanly' in session.log
    with launched(tmp_path, cameras='front', resume='true', episode_time_s=2) as again:
        assert again.wait() == 0, again.log
    assert 'an unfinished take of an earlier session is kept in' in again.log
    assert Checker(session.root).run() == []


@pytest.mark.parametrize('victim', ['follower', 'camera', 'recorder', 'leader', 'simulator'])
def test_a_killed_node_ends_the_session_with_an_error(tmp_path: Path, victim: str) -> None:
    with launched(tmp_path, **LONG) as session:
        one_saved_and_one_running(session)
        os.kill(session.pids()[victim], signal.SIGKILL)
        assert session.wait() != 0, session.log
    assert 'the session cannot go on' in session.log
    assert_saved_is_whole(session)
    result = session.ros2('run', 'recorder', 'recover', str(session.root))
    assert result.returncode == 0, result.stderr
    assert 'is episode 1' in result.stdout
    checker = Checker(session.root)
    assert checker.run() == []
    assert checker.episodes == 2
    assert not leftovers(session.root.with_name('ds.recording'))


def test_a_killed_launch_leaves_no_process(tmp_path: Path) -> None:
    with launched(tmp_path, **LONG) as session:
        one_saved_and_one_running(session)
        session.process.kill()
        session.wait()
    assert_saved_is_whole(session)


@pytest.mark.parametrize('after_s', [0.3, 1.2, 2.0, 3.0, 5.5, 8.5])
def test_ctrl_c_at_any_moment(tmp_path: Path, after_s: float) -> None:
    """Starting up, waiting, recording, between two episodes, publishing."""
    with launched(
        tmp_path, num_episodes=9, episode_time_s=2, reset_time_s=0.5, cameras='front'
    ) as session:
        session.wait_for('process started')
        steady_wait(after_s)
        session.interrupt()
        session.wait()
    assert 'Traceback' not in session.log, session.log
    if session.root.exists():
        assert Checker(session.root).run() == []
    for kept in leftovers(session.root.with_name('ds.recording')):
        assert f'is kept in {kept}' in session.log
