"""The recorder node and a foreign robot in one process, over real topics and services."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from std_msgs.msg import String
from std_srvs.srv import Trigger

from recorder_node.dataset.check import Checker
from recorder_node.episode.take import leftovers
from tests.conftest import wait_until


def test_a_foreign_robot_is_recorded_through_its_contract(make: Any) -> None:
    bench = make()
    bench.start()
    bench.record_rows(10)
    bench.lab.task.publish(String(data='wave back'))
    wait_until(lambda: bench.recorder.conductor.task == 'wave back', what='the task')
    rows = bench.recorder.conductor.engine.running.take.rows
    bench.record_rows(rows + 5)
    reply = bench.call('save_episode')
    assert reply.success
    assert 'episode 0 saved' in reply.message
    assert Checker(bench.root).run() == []
    data = pq.read_table(bench.root / 'data/chunk-000/file-000.parquet')
    state = np.array(data.column('observation.state').to_pylist())
    action = np.array(data.column('action').to_pylist())
    assert (np.diff(state[:, 0]) >= 0).all()
    np.testing.assert_allclose(state[:, 0], -state[:, 1], rtol=1e-5)
    assert 0 < state[5, 0] - np.degrees(action[0, 0]) + 60 < 120
    assert (action[:, 1] == 0.5).all()
    info = json.loads((bench.root / 'meta/info.json').read_text())
    assert info['robot_type'] == 'lab_arm'
    tasks = data.column('task_index').to_pylist()
    assert tasks[0] == 0
    assert tasks[-1] == 1


def test_commands_in_every_state_and_their_refusals(make: Any) -> None:
    bench = make()
    for word in ('save_episode', 'discard_episode'):
        reply = bench.call(word)
        assert not reply.success
        assert 'refused in state IDLE' in reply.message
    bench.start()
    assert 'refused in state RECORDING' in bench.call('start_episode').message
    bench.record_rows(3)
    assert bench.call('discard_episode').success
    wait_until(lambda: bench.status.get('state') == 'RESET', what='RESET')
    assert bench.status['episode_index'] == '0'
    assert not bench.call('save_episode').success
    bench.start()
    bench.record_rows(3)
    assert bench.call('save_episode').success
    bench.lab.command.publish(String(data='start'))
    wait_until(lambda: bench.status.get('state') == 'RECORDING', what='the command topic')
    bench.record_rows(3)
    reply = bench.call('finish')
    assert reply.success
    assert 'episode 1 saved' in reply.message
    assert 'the session is over' in bench.call('start_episode').message
    wait_until(bench.stop.is_set, what='the end')
    assert bench.stop.exit_code == 0
    assert Checker(bench.root).run() == []


def test_the_status_tells_what_a_dashboard_needs(make: Any) -> None:
    bench = make()
    bench.start()
    bench.record_rows(20)
    wait_until(lambda: int(bench.status.get('rows', 0)) >= 20, what='rows in the status')
    status = bench.status
    assert status['schema'] == '1'
    assert status['state'] == 'RECORDING'
    assert status['task'] == 'wave'
    assert float(status['age_ms.observation.images.top']) < 1000
    assert 20 < float(status['rate_hz.observation.images.top']) < 80
    assert int(status['free_mb']) > 0
    bench.call('save_episode')
    wait_until(lambda: 'rows' in bench.status['last_report'], what='the report')


def test_the_session_is_spoken(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoken, program = tmp_path / 'spoken', tmp_path / 'bin' / 'spd-say'
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$2" >> {spoken}\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', str(program.parent), prepend=':')
    bench = make(play_sounds=True)
    bench.start()
    wait_until(spoken.exists, what='the first sentence')
    bench.record_rows(3)
    assert bench.call('save_episode').success
    wait_until(lambda: 'reset the scene' in spoken.read_text(), what='the second')
    bench.call('finish')
    wait_until(lambda: 'the session is over' in spoken.read_text(), what='the last')
    assert spoken.read_text().splitlines()[:2] == ['recording episode 0', 'reset the scene']


def test_an_episode_ends_with_its_time_and_waits_for_a_decision(make: Any) -> None:
    bench = make(episode_time_s=1.0)
    bench.start()
    wait_until(lambda: bench.status.get('state') == 'RESET', what='RESET')
    wait_until(lambda: bench.status['pending'] == 'true', what='pending')
    assert not bench.root.exists()
    reply = bench.call('save_episode')
    assert reply.success
    assert '20 rows' in reply.message


def test_an_unfinished_take_is_kept_and_named_at_the_end(
    make: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bench = make()
    bench.start()
    bench.record_rows(10)
    bench.recorder.close()
    (kept,) = leftovers(tmp_path / 'ds.recording')
    assert f'the unfinished take is kept in {kept}' in capfd.readouterr().err
    assert not bench.root.exists()


def test_saves_do_not_hold_up_the_next_start(make: Any) -> None:
    bench = make()
    bench.start()
    bench.record_rows(20)
    for _ in range(3):
        saved = bench.clients['save_episode'].call_async(Trigger.Request())
        wait_until(lambda: bench.recorder.conductor.session.state.value == 'RESET', what='RESET')
        begin = time.monotonic()
        bench.start()
        print(f'next start after {time.monotonic() - begin:.3f} s')
        wait_until(saved.done, what='the save')
        assert saved.result().success
        bench.record_rows(5)
    bench.call('finish')
    # The videos are joined after the reply.
    wait_until(bench.stop.is_set, what='the end')
    assert Checker(bench.root).run() == []
    assert bench.recorder.conductor.writer.total_episodes == 4
