"""The session as time and faults drive it, with a fake clock."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from recorder_node.dataset.check import Checker
from recorder_node.encoding.video import VideoEncoder
from recorder_node.episode.take import leftovers
from recorder_node.hub.pusher import DONE, FAILED, RUNNING, PushState
from recorder_node.session.conductor import EXIT_NO_STREAMS, EXIT_NOT_SAVED
from recorder_node.session.config import RecorderConfig
from recorder_node.session.finishing import EXIT_NOT_PUSHED
from recorder_node.session.machine import Event, State
from recorder_node.session.status import flatten, values_of
from recorder_node.streams.messages import NS
from tests.conftest import wait_until


def test_a_session_runs_by_itself(make: Any) -> None:
    bench = make()
    bench.pass_time(0.05)
    assert bench.state is State.RECORDING
    bench.pass_time(2.0)
    assert bench.state is State.RESET
    bench.pass_time(1.0)
    assert bench.state is State.RECORDING
    bench.pass_time(2.2)
    assert bench.state is State.DONE
    wait_until(lambda: bench.conductor.tick() or bench.stops, what='the end')
    assert bench.stops[0] == 0
    checker = Checker(bench.root)
    assert checker.run() == []
    assert (checker.episodes, checker.frames) == (2, 120)


def test_streams_that_never_come_end_the_session(make: Any) -> None:
    bench = make(start_timeout_s=10.0)
    bench.pass_time(9.0, alive=False)
    assert not bench.stops
    assert bench.state is State.IDLE
    bench.pass_time(2.0, alive=False)
    assert bench.stops[0] == EXIT_NO_STREAMS
    assert '/applied (action): nothing received yet; no publisher; topics' in bench.log.lines[-1]
    assert sum('waiting' in line and 'gave up' not in line for line in bench.log.lines) == 2


def test_after_a_fault_the_operator_begins_the_next(make: Any) -> None:
    bench = make(episode_time_s=60.0)
    bench.pass_time(0.05)
    bench.pass_time(1.0)
    bench.conductor.fault('/cam is on fire')
    assert bench.state is State.FAULT
    decision, futures = bench.conductor.command(Event.SAVE)
    assert decision.state is State.IDLE
    bench.pass_time(0.5)
    assert futures[0].result(timeout=20).report['rows'] == 31
    bench.pass_time(0.5)
    assert bench.state is State.IDLE
    assert bench.conductor.command(Event.START)[0].accepted
    assert bench.state is State.RECORDING


def test_a_disk_that_fills_ends_the_take_with_its_rows(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make(min_free_mb=100)
    monkeypatch.setattr(bench.conductor, 'free_mb', lambda: 200)
    bench.pass_time(0.05)
    bench.pass_time(0.5)
    monkeypatch.setattr(bench.conductor, 'free_mb', lambda: 99)
    bench.conductor.check_disk()
    assert bench.state is State.FAULT
    assert 'only 99 MiB are free' in bench.conductor.message
    bench.pass_time(0.5)
    assert bench.conductor.command(Event.SAVE)[0].accepted
    assert 'only 99 MiB' in bench.conductor.command(Event.START)[0].reason


def test_frames_that_wait_on_disk_are_told_once_in_a_take(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make()
    may_encode = threading.Event()
    real = VideoEncoder._frame
    monkeypatch.setattr(VideoEncoder, '_frame', lambda *args: may_encode.wait() and real(*args))
    bench.pass_time(0.05)
    bench.pass_time(0.5)
    bench.conductor.check_disk()
    assert not any('wait on disk' in line for line in bench.log.lines)
    bench.pass_time(1.2)
    recording = bench.conductor.engine.running
    wait_until(lambda: recording.take.spilled_frames > 0, what='frames on disk')
    for _ in range(2):
        bench.conductor.check_disk()
    assert bench.state is State.RECORDING
    assert sum('frames wait on disk' in line for line in bench.log.lines) == 1
    assert 'frames wait on disk' in bench.conductor.message
    may_encode.set()


def test_a_save_that_fails_is_told_by_the_exit_code(
    make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench = make(num_episodes=1)

    def full(_take: object, _report: object) -> int:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(bench.conductor.writer, 'publish', full)
    bench.pass_time(0.05)
    bench.pass_time(2.2)
    wait_until(lambda: bench.conductor.tick() or bench.stops, what='the end')
    assert bench.stops[0] == EXIT_NOT_SAVED
    assert any('could not be saved' in line for line in bench.log.lines)
    assert len(leftovers(tmp_path / 'ds.recording')) == 1


def test_the_status_follows_the_episode_index(make: Any) -> None:
    bench = make()

    def index() -> object:
        return values_of(bench.conductor, bench.clock.now_ns())['episode_index']

    bench.pass_time(0.05)
    assert index() == 0
    bench.pass_time(2.0)
    assert (bench.state, index()) == (State.RESET, 1)
    bench.conductor.command(Event.DISCARD)
    assert index() == 0
    pairs = dict(flatten(values_of(bench.conductor, bench.clock.now_ns())))
    assert pairs['pending'] == 'false'
    assert pairs['schema'] == '1'


def test_closing_keeps_a_running_take(make: Any, tmp_path: Path) -> None:
    bench = make()
    bench.pass_time(0.05)
    bench.pass_time(1.0)
    bench.close()
    assert len(leftovers(tmp_path / 'ds.recording')) == 1
    assert any('is kept in' in line for line in bench.log.lines)


def test_a_command_that_comes_after_the_end_begins_no_take(make: Any) -> None:
    bench = make(start='manual')
    bench.deliver()
    bench.close()
    decision, futures = bench.conductor.command(Event.START)
    assert not decision.accepted
    assert not futures
    assert bench.conductor.engine.running is None


def test_the_last_save_is_taken_back(make: Any) -> None:
    bench = make(episode_time_s=60.0)
    bench.pass_time(0.05)
    bench.pass_time(1.0)
    _, futures = bench.conductor.command(Event.SAVE)
    bench.pass_time(0.3)
    futures[0].result(timeout=20)
    decision, futures = bench.conductor.command(Event.UNDO)
    assert decision.accepted
    assert futures[0].result(timeout=20).episode_index == 0
    assert (bench.conductor.session.saved, bench.conductor.writer.total_episodes) == (0, 0)
    assert not bench.root.exists()
    assert not bench.conductor.command(Event.UNDO)[0].accepted


def test_an_undo_that_fails_leaves_the_count(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = make(episode_time_s=60.0)
    bench.pass_time(0.05)
    _, futures = bench.conductor.command(Event.SAVE)
    bench.pass_time(0.3)
    futures[0].result(timeout=20)

    def refuse() -> int:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(bench.conductor.writer, 'drop_last', refuse)
    _, futures = bench.conductor.command(Event.UNDO)
    with pytest.raises(OSError, match='No space'):
        futures[0].result(timeout=20)
    wait_until(lambda: 'could not be removed' in bench.conductor.message, what='the message')
    assert bench.conductor.session.saved == 1


@pytest.mark.parametrize(('event', 'word'), [(Event.MARK_SUCCESS, 'success'), (None, None)])
def test_a_take_is_marked_while_it_waits(make: Any, event: Event | None, word: str | None) -> None:
    bench = make(episode_time_s=1.0, reset_time_s=60.0)
    bench.pass_time(0.05)
    bench.pass_time(1.5)
    assert bench.state is State.RESET
    if event is not None:
        assert bench.conductor.command(event)[0].accepted
        assert values_of(bench.conductor, bench.clock.now_ns())['outcome'] == word
    _, futures = bench.conductor.command(Event.SAVE)
    assert futures[0].result(timeout=20).report['outcome'] == word


def test_a_mark_does_not_prolong_the_episode(make: Any) -> None:
    bench = make(episode_time_s=1.0, reset_time_s=60.0)
    bench.pass_time(0.05)
    bench.pass_time(0.5)
    bench.conductor.command(Event.MARK_FAILURE)
    assert bench.conductor.remaining_ns == NS // 2
    bench.pass_time(1.0)
    assert bench.state is State.RESET


def test_at_the_end_the_videos_are_joined(make: Any) -> None:
    bench = make(reset_time_s=0.0)
    bench.pass_time(0.05)
    bench.pass_time(5.0)
    wait_until(lambda: bench.conductor.tick() or bench.stops, what='the end')
    assert bench.stops[0] == 0
    assert len(list((bench.root / 'videos').rglob('*.mp4'))) == 1
    assert Checker(bench.root).run() == []
    assert any('2 video files joined into 1' in line for line in bench.log.lines)


class MadeUpPusher:
    """Takes an upload and ends it as told."""

    def __init__(self) -> None:
        self.state = PushState()
        self.started: list[tuple[object, ...]] = []

    def start(self, *arguments: object) -> bool:
        """Begin."""
        self.started.append(arguments)
        self.state = PushState(RUNNING, '1 of 3 files', 30.0)
        return True

    def close(self) -> None:
        """Give up."""


@pytest.mark.parametrize(('state', 'code'), [(DONE, 0), (FAILED, EXIT_NOT_PUSHED)])
def test_the_session_ends_with_an_upload_when_asked(make: Any, state: str, code: int) -> None:
    bench = make(num_episodes=1, push_to_hub=True, private=True, tags='a, b')
    pusher = bench.conductor.pusher = bench.conductor._finishing._pusher = MadeUpPusher()
    assert not bench.conductor.push()[0]
    bench.pass_time(0.05)
    bench.pass_time(2.5)
    wait_until(lambda: bench.conductor.tick() or pusher.started, what='the upload')
    assert pusher.started == [(bench.conductor.config.dataset_root, 'me/x', True, ['a', 'b'])]
    bench.pass_time(1.0)
    assert not bench.stops
    assert values_of(bench.conductor, 0)['upload'] == '30 % 1 of 3 files'
    pusher.state = PushState(state, 'https://hub/me/x')
    wait_until(lambda: bench.conductor.tick() or bench.stops, what='the end')
    assert bench.stops[0] == code


def test_a_robot_that_fails_makes_the_take_a_failure(make: Any) -> None:
    bench = make(repo_id='me/eval_x', policy='act')
    assert not bench.conductor.fault('too early', failure=True)
    bench.pass_time(0.05)
    bench.pass_time(0.5)
    assert bench.conductor.fault('the policy is late', failure=True)
    assert bench.state is State.FAULT
    _, futures = bench.conductor.command(Event.SAVE)
    bench.pass_time(0.3)
    assert futures[0].result(timeout=20).report['outcome'] == 'failure'
    text = str(values_of(bench.conductor, bench.clock.now_ns())['summary'])
    assert text.startswith('0 of 1 episodes were a success')


@pytest.mark.parametrize(
    ('repo_id', 'policy', 'words'),
    [
        ('me/eval_x', '', 'choose another'),
        ('me/x', 'act', 'starts with eval_'),
        ('me/eval_x', 'act', ''),
    ],
)
def test_evaluations_have_names_of_their_own(repo_id: str, policy: str, words: str) -> None:
    config = RecorderConfig(contract='c', repo_id=repo_id, single_task='t', policy=policy)
    assert words in ' '.join(config.problems())
    assert bool(words) == bool(config.problems())
