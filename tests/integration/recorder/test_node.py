"""The recorder node and a foreign robot in one process, over real topics and services."""

from __future__ import annotations

import json
import threading
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import Trigger

from recorder_node.dataset.check import Checker
from recorder_node.node import RecorderNode
from recorder_node.session import Decision
from recorder_node.status_node import LATCHED
from recorder_node.streams import StreamBuffer
from recorder_node.take import leftovers
from so101_driver.base_node import Stop
from tests.conftest import wait_until

CONTRACT = """
version: 1
robot_type: lab_arm
task_topic: /lab/task
features:
  action:
    topic: /lab/commands
    type: std_msgs/msg/Float64MultiArray
    names: [lift.pos, pan.pos]
    align: next
    max_age_s: 0.5
  observation.state:
    topic: /lab/joint_states
    type: sensor_msgs/msg/JointState
    joints: [arm_pan_joint, arm_lift_joint]
    names: [pan.pos, lift.pos]
    units: degrees
    max_age_s: 0.5
  observation.images.top:
    topic: /lab/camera
    type: sensor_msgs/msg/Image
    shape: [48, 64, 3]
    max_age_s: 0.5
"""
BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


class Lab(Node):
    """A robot that knows nothing of us: prefixed and permuted joints, headerless commands."""

    def __init__(self) -> None:
        super().__init__('lab')
        self.angle = 0.0
        self.width = 64
        self.silent = False
        self.statuses: list[dict[str, str]] = []
        self._joints = self.create_publisher(JointState, '/lab/joint_states', 10)
        self._commands = self.create_publisher(Float64MultiArray, '/lab/commands', 10)
        self._camera = self.create_publisher(Image, '/lab/camera', BEST_EFFORT)
        self.task = self.create_publisher(String, '/lab/task', 10)
        self.command = self.create_publisher(String, '/recorder/command', 10)
        self.create_subscription(DiagnosticStatus, '/recorder/status', self._on_status, LATCHED)
        self.create_timer(0.02, self._publish)

    def _on_status(self, message: DiagnosticStatus) -> None:
        self.statuses.append({pair.key: pair.value for pair in message.values})

    def _publish(self) -> None:
        self.angle += 0.01
        stamp = self.get_clock().now().to_msg()
        joints = JointState()
        joints.header.stamp = stamp
        joints.name = ['arm_grip_joint', 'arm_lift_joint', 'arm_pan_joint']
        joints.position = [9.0, -self.angle, self.angle]
        self._joints.publish(joints)
        self._commands.publish(Float64MultiArray(data=[self.angle, 0.5]))
        if self.silent:
            return
        image = Image(height=48, width=self.width, encoding='bgr8', step=self.width * 3)
        image.header.stamp = stamp
        image.data = array('B', bytes([0, 0, 200]) * (48 * self.width))
        self._camera.publish(image)


class Bench:
    """Recorder and lab, spinning in threads."""

    def __init__(self, tmp_path: Path, **parameters: Any) -> None:
        contract = tmp_path / 'lab.yaml'
        contract.write_text(CONTRACT)
        self.root = tmp_path / 'ds'
        values = {
            'contract': str(contract), 'repo_id': 'me/lab', 'single_task': 'wave',
            'start': 'manual', 'root': str(self.root), 'fps': 20, 'episode_time_s': 30.0,
            'reset_time_s': 30.0, 'num_episodes': 10, 'max_gap_s': 0.5, **parameters,
        }  # fmt: skip
        self.stop = Stop()
        self.lab = Lab()
        self.recorder = RecorderNode(
            self.stop, parameter_overrides=[Parameter(n, value=v) for n, v in values.items()]
        )
        self.clients = {
            word: self.lab.create_client(Trigger, f'/recorder/{word}')
            for word in ('start_episode', 'save_episode', 'discard_episode', 'finish')
        }
        self._executors = [MultiThreadedExecutor(4), SingleThreadedExecutor()]
        self._threads = []
        self._ending = threading.Event()
        for executor, node in zip(self._executors, (self.recorder, self.lab), strict=True):
            executor.add_node(node)
            thread = threading.Thread(target=self._spin, args=(executor,))
            thread.start()
            self._threads.append(thread)

    def _spin(self, executor: Any) -> None:
        while not self._ending.is_set():
            executor.spin_once(timeout_sec=0.1)

    def call(self, word: str) -> Trigger.Response:
        """Call a service of the recorder."""
        assert self.clients[word].wait_for_service(timeout_sec=20.0)
        future = self.clients[word].call_async(Trigger.Request())
        wait_until(future.done, what=word)
        return future.result()

    def start(self) -> None:
        """Start an episode as soon as the gate opens."""
        wait_until(lambda: self.call('start_episode').success, what='a start')

    @property
    def status(self) -> dict[str, str]:
        """The newest status."""
        return self.lab.statuses[-1] if self.lab.statuses else {}

    def record_rows(self, rows: int) -> None:
        """Wait until the running take has so many rows."""
        wait_until(lambda: self.recorder.conductor.engine.running.take.rows >= rows, what='rows')

    def close(self) -> None:
        """Stop everything."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self.recorder.close()
        for executor in self._executors:
            executor.shutdown()
        self.recorder.destroy_node()
        self.lab.destroy_node()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Return a function that makes a bench; closed at the end."""
    benches: list[Bench] = []
    rclpy.init()

    def make_bench(**parameters: Any) -> Bench:
        benches.append(Bench(tmp_path, **parameters))
        return benches[-1]

    yield make_bench
    for bench in benches:
        bench.close()
    rclpy.shutdown()


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
    assert '32x48, the contract says 64x48' in bench.status['message']
    assert bench.call('discard_episode').success


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


def test_a_topic_that_never_comes_is_named_with_those_that_exist(make: Any) -> None:
    bench = make(start='auto', start_timeout_s=2.0)
    bench.lab.silent = True
    bench.lab.destroy_publisher(bench.lab._camera)
    wait_until(bench.stop.is_set, what='giving up')
    assert bench.stop.exit_code == 3
    reply = bench.call('start_episode')
    assert '/lab/camera (observation.images.top): nothing received yet' in reply.message
    assert '/lab/joint_states' in reply.message


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


def test_no_service_however_long_it_waits_delays_a_message(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make()
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
