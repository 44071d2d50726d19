"""What the recorder node makes of streams that are silent, bad, wrong or held up."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import rclpy
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

from recorder_node.dataset.check import Checker
from recorder_node.episode.take import leftovers
from recorder_node.session.machine import Decision
from recorder_node.streams.buffer import StreamBuffer
from recorder_node.streams.messages import NS
from tests.conftest import wait_until
from tests.lab import CONTRACT

# A machine that is busy for a moment ends no take that is about something else.
PATIENT_S = 20.0


def test_a_camera_that_falls_silent_is_a_fault_whose_rows_can_be_saved(make: Any) -> None:
    bench = make()
    bench.start()
    bench.record_rows(10)
    bench.lab.silent = True
    wait_until(lambda: bench.status.get('state') == 'FAULT', what='FAULT')
    assert '/lab/camera' in bench.status['message']
    assert 'silent' in bench.status['message']
    assert not bench.call('start_episode').success
    reply = bench.call('save_episode')
    assert reply.success
    assert 'ended early' in reply.message
    wait_until(lambda: bench.status.get('state') == 'IDLE', what='IDLE')
    reply = bench.call('start_episode')
    assert not reply.success
    assert '/lab/camera' in reply.message
    bench.lab.silent = False
    bench.start()
    assert Checker(bench.root).run() == []


def test_a_picture_that_changes_its_size_is_a_fault(make: Any) -> None:
    bench = make()
    bench.start()
    bench.record_rows(3)
    bench.lab.width = 32
    wait_until(lambda: bench.status.get('state') == 'FAULT', what='FAULT')
    assert '/lab/camera (observation.images.top) has nothing usable' in bench.status['message']
    assert '32x48, the contract says 64x48' in bench.status['message']
    assert int(bench.status['refused']) > 10
    assert bench.call('discard_episode').success


def test_one_bad_message_costs_nothing_and_is_told(make: Any) -> None:
    bench = make(max_gap_s=PATIENT_S)
    bench.start()
    bench.record_rows(5)
    bench.lab.spoil(4)
    wait_until(lambda: bench.status.get('refused') == '4', what='the count in the status')
    assert 'observation.state: 4 messages refused' in bench.status['refusals']
    rows = bench.recorder.conductor.engine.running.take.rows
    bench.record_rows(rows + 20)
    reply = bench.call('save_episode')
    assert reply.success
    assert (
        'observation.state: 4 messages refused, last: /lab/joint_states: a value is not finite'
        in reply.message
    )
    report = bench.recorder.conductor.last_report
    assert report['streams']['observation.state']['malformed'] == 4
    assert Checker(bench.root).run() == []


def test_a_topic_that_never_comes_is_named_with_those_that_exist(make: Any) -> None:
    bench = make(start='auto', start_timeout_s=2.0)
    bench.lab.silent = True
    bench.lab.destroy_publisher(bench.lab._camera)
    wait_until(bench.stop.is_set, what='giving up')
    assert bench.stop.exit_code == 3
    reply = bench.call('start_episode')
    assert '/lab/camera (observation.images.top): nothing received yet' in reply.message
    assert '/lab/joint_states' in reply.message


def test_no_service_however_long_it_waits_delays_a_message(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make(max_gap_s=PATIENT_S)
    bench.start()
    bench.record_rows(3)
    let_go, waiting = threading.Event(), []

    def stuck(*_args: object) -> Any:
        waiting.append(threading.current_thread())
        let_go.wait(60.0)
        return Decision(False, 'let go'), []

    monkeypatch.setattr(bench.recorder.conductor, 'command', stuck)
    calls = [
        client.call_async(Trigger.Request()) for client in bench.clients.values() for _ in range(2)
    ]
    try:
        wait_until(lambda: len(waiting) >= 4, what='every thread of the executor')
        counts = {key: b.counters().received for key, b in bench.recorder.conductor.buffers.items()}
        for key, buffer in bench.recorder.conductor.buffers.items():
            wait_until(lambda b=buffer, k=key: b.counters().received > counts[k] + 5, what=key)
    finally:
        let_go.set()
    wait_until(lambda: all(call.done() for call in calls), what='the replies')


def test_a_data_callback_that_raises_ends_the_process(
    make: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    bench = make()

    def broken(_self: object, _sample: object) -> None:
        raise RuntimeError('a mistake of ours')

    monkeypatch.setattr(StreamBuffer, 'push', broken)
    wait_until(bench.stop.is_set, what='the end')
    assert bench.stop.exit_code == 1
    assert 'a mistake of ours' in capfd.readouterr().err


def test_a_second_publisher_and_a_wrong_type_are_told_with_their_nodes(make: Any) -> None:
    bench = make(max_gap_s=PATIENT_S)
    bench.start()
    bench.record_rows(3)
    other = rclpy.create_node('intruder', namespace='/far')
    try:
        other.create_publisher(JointState, '/lab/joint_states', 10)
        words = '/lab/joint_states (observation.state): /far/intruder and /lab publish at once'
        wait_until(lambda: words in bench.status['message'], what='the warning')
        assert bench.call('save_episode').success
        assert words in '; '.join(bench.recorder.conductor.last_report['warnings'])
        other.create_publisher(Float64MultiArray, '/lab/commands', 10)
        seen = bench.recorder._streams.publishers
        wait_until(lambda: len(seen('/lab/commands')) == 2, what='the discovery')
        assert '/far/intruder and /lab publish at once' in bench.call('start_episode').message
    finally:
        other.destroy_node()
    bench.start()


def test_a_topic_of_another_type_is_told_in_words(make: Any) -> None:
    bench = make(CONTRACT.replace('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'))
    words = (
        'published by /lab (sensor_msgs/msg/Image), '
        'but the contract says type: sensor_msgs/msg/CompressedImage'
    )
    wait_until(lambda: words in bench.call('start_episode').message, what='the refusal')


def test_simulated_time_may_begin_late_pause_and_begin_again(make: Any) -> None:
    bench = make(
        use_sim_time=True,
        start='auto',
        start_timeout_s=60.0,
        reset_time_s=600.0,
        max_gap_s=PATIENT_S,
    )
    wait_until(lambda: 'nothing came on /clock yet' in bench.status.get('message', ''), what='IDLE')
    # Later than start_timeout_s from the first moment.
    bench.lab.simulated_ns = 100 * NS
    wait_until(lambda: bench.status['state'] == 'RECORDING', what='a take')
    bench.record_rows(10)
    bench.lab.simulated_step_ns = 0
    assert bench.call('save_episode').success
    bench.lab.simulated_step_ns = 20_000_000
    bench.start()
    bench.record_rows(5)
    bench.lab.simulated_ns = 1
    wait_until(lambda: bench.status['state'] == 'FAULT', what='the end of the take')
    assert 'the clock stepped by -' in bench.status['message']
    assert bench.call('discard_episode').success
    bench.start()
    bench.record_rows(5)
    assert Checker(bench.root).run() == []


def test_a_recorder_of_paused_time_ends_in_order(make: Any, tmp_path: Path) -> None:
    bench = make(use_sim_time=True, max_gap_s=PATIENT_S)
    bench.lab.simulated_ns = 100 * NS
    bench.start()
    bench.record_rows(10)
    bench.lab.simulated_step_ns = 0
    bench.recorder.close()
    assert len(leftovers(tmp_path / 'ds.recording')) == 1
