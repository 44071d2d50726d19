"""The recorder node: wires topics, timers and services to the session and the engine."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

from recorder_node import contract_file
from recorder_node import report as reports
from recorder_node.config import RecorderConfig
from recorder_node.dataset import layout
from recorder_node.dataset.lock import RootLock
from recorder_node.dataset.writer import DatasetWriter
from recorder_node.engine import MAX_WAITING_TAKES, Engine, Saved, Settings
from recorder_node.messages import NS, load_units
from recorder_node.sampler import make_buffers
from recorder_node.session import COMMANDS, Action, Decision, Event, Session, State
from recorder_node.status_node import StatusPublisher
from recorder_node.streams import why_not_fresh
from recorder_node.streams_node import StreamSubscriptions
from recorder_node.take import leftovers
from recorder_node.video import choose_codec
from so101_driver.base_node import Stop, declare, run
from so101_driver.errors import DriverError

_THREADS = 4
_TICK_S = 0.02
_REFRESH_S = 0.5
_STATUS_EVERY_TICKS = 10
_HISTORY_S = 1.0
_MIB = 2**20
# Discovery takes a moment; what is still missing after that is worth a warning.
_QUIET_START_NS = 3 * NS


class RosClock:
    """The node's clock and the steady one; simulated time knows no other."""

    def __init__(self, node: Node) -> None:
        self._clock = node.get_clock()
        self._simulated = bool(node.get_parameter('use_sim_time').value)

    def now_ns(self) -> int:
        """ROS time."""
        return int(self._clock.now().nanoseconds)

    def steady_ns(self) -> int:
        """Steady time."""
        return self.now_ns() if self._simulated else time.monotonic_ns()


class RecorderNode(Node):
    """Records episodes as the session's state table says."""

    def __init__(self, stop: Stop, **node_options: Any) -> None:
        super().__init__('recorder', **node_options)
        self._stop = stop
        self.config = declare(self, RecorderConfig)
        config = self.config
        contract = contract_file.load(config.contract)
        if config.camera_names is not None:
            contract = contract.with_cameras(config.camera_names)
        contract.check_fps(config.fps)
        converter = load_units(config.units, config.calibration, contract)
        self.root = config.dataset_root
        self._folder = layout.recording_folder(self.root)
        layout.check_root(self.root, config.resume)
        self._root_lock = RootLock(self._folder)
        try:
            self.writer = DatasetWriter(self.root, contract, config.fps, config.resume)
        except DriverError:
            self._root_lock.close()
            raise

        self.lock = threading.RLock()
        self.message = 'waiting for the streams'
        self.last_report: dict[str, Any] | None = None
        self.deadline_ns: int | None = None
        self._task = config.single_task
        self._failed = False
        self._auto_suspended = config.start != 'auto'
        self._closing = False
        self.clock = RosClock(self)
        row_delay_s = config.row_delay_s or 2.0 / config.fps
        self.buffers = make_buffers(contract, row_delay_s + _HISTORY_S)
        self.session = Session(config.num_episodes, config.start == 'auto', self._gate)
        settings = Settings(
            fps=config.fps,
            max_rows=max(1, round(config.episode_time_s * config.fps)),
            row_delay_ns=round(row_delay_s * NS),
            max_gap_ns=round(config.max_gap_s * NS),
            codec=choose_codec(config.vcodec),
        )
        self.engine = Engine(
            contract,
            self.buffers,
            settings,
            self.clock,
            self.writer,
            self._folder,
            lambda: self._task,
            self._on_fault,
            self._on_published,
        )
        self._streams = StreamSubscriptions(
            self, contract, self.buffers, converter, self._on_misfit
        )
        self._started_ns = self.clock.steady_ns()
        self._make_interfaces(contract.task_topic)
        for warning in config.warnings():
            self.get_logger().warning(warning)
        for folder in leftovers(self._folder):
            self.get_logger().warning(
                f'an unfinished take of an earlier session is kept in {folder}; save it after this '
                f'session with: ros2 run recorder recover {self.root}'
            )
        self.get_logger().info(
            f'dataset {config.repo_id} at {self.root}: {self.writer.total_episodes} episodes, '
            f'{config.num_episodes} to record'
            + ('' if config.start == 'auto' else '; start_episode begins each (start: manual)')
        )

    def _make_interfaces(self, task_topic: str) -> None:
        self._status = StatusPublisher(self)
        services = ReentrantCallbackGroup()
        for event in COMMANDS:
            self.create_service(
                Trigger, f'~/{event.value}', self._service(event), callback_group=services
            )
        self.create_subscription(String, '~/command', self._on_command, 10, callback_group=services)
        if task_topic:
            self.create_subscription(String, task_topic, self._on_task, 10)
        timers = MutuallyExclusiveCallbackGroup()
        self.create_timer(_TICK_S, self._tick, callback_group=timers)
        self.create_timer(
            _REFRESH_S, self._streams.refresh, callback_group=MutuallyExclusiveCallbackGroup()
        )
        self._ticks = 0

    # Commands

    def command(self, event: Event, reason: str = '') -> tuple[Decision, list[Future[Any]]]:
        """Let the session decide and carry out what it says."""
        with self.lock:
            decision = self.session.handle(event, reason)
            futures: list[Future[Any]] = []
            if decision.accepted:
                try:
                    futures = self.engine.apply(decision.actions)
                except OSError as error:
                    self.session.state = State.IDLE
                    decision = decision._replace(
                        accepted=False, reason=f'cannot write to {self._folder}: {error}'
                    )
            self.message = reason or decision.reason
            self._set_deadline(decision)
        self._status.publish()
        return decision, futures

    def _service(self, event: Event) -> Any:
        def serve(_request: Any, response: Any) -> Any:
            decision, futures = self.command(event)
            response.success, response.message = decision.accepted, decision.reason
            if not decision.accepted:
                self.get_logger().warning(decision.reason)
                return response
            self._auto_suspended = self.config.start != 'auto'
            try:
                results = [future.result() for future in futures]
            except Exception as error:
                response.success = False
                response.message = f'{decision.reason}, but it could not be written: {error}'
                return response
            for saved in results:
                if isinstance(saved, Saved):
                    response.message = (
                        f'episode {saved.episode_index} saved: {reports.one_line(saved.report)}'
                    )
            return response

        return serve

    def _on_command(self, message: String) -> None:
        """The services' words on a topic, which also crosses DDS vendors."""
        for event in COMMANDS:
            if message.data.strip() in (event.value, event.value.removesuffix('_episode')):
                decision, _ = self.command(event)
                if not decision.accepted:
                    self.get_logger().warning(decision.reason)
                return
        words = ', '.join(event.value for event in COMMANDS)
        self.message = f'unknown command "{message.data}"; known: {words}'
        self.get_logger().warning(self.message)

    def _on_task(self, message: String) -> None:
        if message.data.strip():
            self._task = message.data.strip()

    # What happens by itself

    def _tick(self) -> None:
        if self._stop.is_set() or self._closing:
            return
        now_ns = self.clock.now_ns()
        state = self.session.state
        over = self.deadline_ns is not None and now_ns >= self.deadline_ns
        if state is State.RECORDING and over:
            self.command(Event.EPISODE_OVER)
        elif state is State.RESET and over:
            self._try_quietly(Event.RESET_OVER)
        elif state is State.IDLE and not self._auto_suspended:
            self._try_quietly(Event.START)
            self._check_start_timeout()
        elif state is State.DONE and not self.engine.waiting_takes:
            self._finish()
        self._ticks += 1
        if self._ticks % _STATUS_EVERY_TICKS == 0:
            self._check_disk()
            self._status.publish()

    def _try_quietly(self, event: Event) -> None:
        """Do what is due by itself; a closed gate is no refusal of anybody's command."""
        with self.lock:
            why = self._gate() if self.session.saved < self.config.num_episodes else ''
            if why and (event is Event.START or self.config.start == 'auto'):
                self.message = f'waiting: {why}'
                if self.clock.steady_ns() - self._started_ns > _QUIET_START_NS:
                    self.get_logger().warning(self.message, throttle_duration_sec=5.0)
                return
            self.command(event)

    def _check_start_timeout(self) -> None:
        if self.session.state is not State.IDLE or self.session.saved:
            return
        waited_s = (self.clock.steady_ns() - self._started_ns) / NS
        if waited_s > self.config.start_timeout_s:
            self.get_logger().fatal(
                f'gave up after {waited_s:.0f} s: {self._gate()} (start_timeout_s)'
            )
            self._stop('the streams did not come', 3)

    def _check_disk(self) -> None:
        if self.session.state is State.RECORDING and (why := self._disk_low()):
            self._on_fault(why)

    def _finish(self) -> None:
        self.engine.wait_written()
        self.get_logger().info(
            f'session over: {self.session.saved} episodes saved, {self.writer.total_episodes} '
            f'in {self.root}'
        )
        self._stop('the session is over', 1 if self._failed else 0)

    # Called from other threads

    def _on_fault(self, reason: str) -> None:
        with self.lock:
            if self.session.state is not State.RECORDING or self._stop.is_set():
                return
            self._auto_suspended = True
            self.command(Event.FAULT, f'fault: {reason}')
        self.get_logger().error(
            f'the take ended: {reason}; its rows are kept: save_episode or discard_episode'
        )

    def _on_misfit(self, reason: str) -> None:
        self.get_logger().warning(reason, throttle_duration_sec=2.0)
        if self.session.state is State.RECORDING:
            self._on_fault(reason)

    def _on_published(self, outcome: Saved | Exception, folder: Path) -> None:
        if isinstance(outcome, Saved):
            self.last_report = {'episode_index': outcome.episode_index, **outcome.report}
            line = f'episode {outcome.episode_index} saved: {reports.one_line(outcome.report)}'
            self.get_logger().info(line)
            self._status.publish_report(self.last_report)
        else:
            with self.lock:
                self.session.unsave()
            self._failed = True
            line = f'an episode could not be saved: {outcome}; the take is kept in {folder}'
            self.get_logger().error(line)
        self.message = line
        self._status.publish()

    # Questions

    def _gate(self) -> str:
        """Return why no episode can start now, '' when one can."""
        if self.engine.waiting_takes >= MAX_WAITING_TAKES:
            return f'{self.engine.waiting_takes} takes are still being written'
        if why := self._disk_low():
            return why
        now_ns = self.clock.now_ns()
        reasons = []
        for buffer in self.buffers.values():
            if why := why_not_fresh(buffer, now_ns):
                reasons.append(f'{why}; {self._streams.publishers_of(buffer.source.topic)}')
        return ' | '.join(reasons)

    def _disk_low(self) -> str:
        free_mb = self.free_mb()
        if free_mb >= self.config.min_free_mb:
            return ''
        return (
            f'only {free_mb} MiB are free at {self.root}, min_free_mb is {self.config.min_free_mb}'
        )

    def free_mb(self) -> int:
        """Free disk space at the dataset."""
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free // _MIB

    @property
    def task(self) -> str:
        """The words of the present task."""
        return self._task

    def _set_deadline(self, decision: Decision) -> None:
        if not decision.accepted or decision.state is None:
            return
        if Action.OPEN in decision.actions:
            assert self.engine.running is not None
            self.deadline_ns = self.engine.running.end_ns
        elif decision.state is not State.RESET:
            self.deadline_ns = None
        elif Action.END in decision.actions:
            self.deadline_ns = self.clock.now_ns() + round(self.config.reset_time_s * NS)

    def close(self) -> None:
        """Settle the takes and stop: a running one is kept, a finished one published."""
        self._closing = True
        with self.lock:
            state, pending = self.session.state, self.engine.pending
            actions: tuple[Action, ...] = ()
            if self.engine.running is not None:
                actions = (Action.END, Action.KEEP)
            elif pending is not None:
                actions = (Action.KEEP if state is State.FAULT else Action.PUBLISH,)
            futures = self.engine.apply(actions)
        for future in futures:
            try:
                result = future.result()
            except Exception as error:
                self.get_logger().error(f'while closing: {error}')
                continue
            if isinstance(result, Path):
                self.get_logger().warning(
                    f'the unfinished take is kept in {result}; save it with: '
                    f'ros2 run recorder recover {self.root}'
                )
        self.engine.close()
        self._root_lock.close()
        self._status.publish()


def main(args: list[str] | None = None) -> int:
    """Run the recorder."""
    return run(RecorderNode, args, threads=_THREADS)


if __name__ == '__main__':
    sys.exit(main())
