"""Conducts a recording session: commands, times and faults go to the session, its decisions to
the engine. No ROS: the node lends it a clock, a log and callbacks.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from recorder_node.contract.contract import Contract
from recorder_node.dataset import layout
from recorder_node.dataset.writer import DatasetWriter
from recorder_node.encoding.codecs import Codec
from recorder_node.episode import report as reports
from recorder_node.episode.recording import Recording
from recorder_node.hub.pusher import FAILED, Pusher, PushState
from recorder_node.session.config import RecorderConfig
from recorder_node.session.engine import MAX_WAITING_TAKES, Engine, Saved, Settings
from recorder_node.session.evaluation import summary
from recorder_node.session.fault_rule import FaultRule
from recorder_node.session.finishing import Finishing
from recorder_node.session.gate import Gate
from recorder_node.session.machine import Action, Decision, Event, Session, State
from recorder_node.session.surroundings import Surroundings
from recorder_node.streams.buffer import StreamBuffer
from recorder_node.streams.messages import NS

EXIT_NO_STREAMS = 3
EXIT_NOT_SAVED = 1
EXIT_FAULTS = 5
# Discovery takes a moment; what is still missing after that is worth a warning now and then.
_QUIET_START_NS = 3 * NS
_WARN_EVERY_NS = 5 * NS
_MIB = 2**20


class Conductor:
    """The session of one recorder; its methods may be called from any thread.

    Args:
        config: the recorder's parameters.
        contract: the features.
        buffers: the streams.
        writer: the dataset.
        around: see `Surroundings`.
        codec: of all cameras in colour.
    """

    def __init__(
        self,
        config: RecorderConfig,
        contract: Contract,
        buffers: Mapping[str, StreamBuffer],
        writer: DatasetWriter,
        around: Surroundings,
        codec: Codec,
    ) -> None:
        self.config = config
        self.buffers = buffers
        self.writer = writer
        self.task = config.single_task
        self.message = 'waiting for the streams'
        self.outcomes: list[str | None] = []
        self.last_report: dict[str, Any] | None = None
        # Steady time; the end of an episode is a time of its rows instead.
        self._reset_over_ns: int | None = None
        self._around = around
        self._gate = Gate(buffers, around.clock, around.graph)
        self._lock = threading.RLock()
        self._waits_for_operator = config.start != 'auto'
        self._failed = False
        self._fault_rule = FaultRule(config.on_fault, config.max_faults)
        self._gave_up = False
        self._closed = False
        self._started_ns = self._resume_ns = around.clock.steady_ns()
        self._warned_ns = self._started_ns
        self._told_of: Recording | None = None
        self.session = Session(config.num_episodes, config.start == 'auto', self.gate)
        self.engine = Engine(
            contract,
            buffers,
            Settings(
                fps=config.fps,
                max_rows=max(1, round(config.episode_time_s * config.fps)),
                row_delay_ns=round(config.effective_row_delay_s * NS),
                max_gap_ns=round(config.max_gap_s * NS),
                codec=codec,
            ),
            around.clock,
            writer,
            layout.recording_folder(writer.root),
            lambda: self.task,
            self.fault,
            self._on_published,
        )

        self.pusher = Pusher(self._on_upload)
        self._finishing = Finishing(self.engine, config, self.pusher, around.log)

    @property
    def closed(self) -> bool:
        """Whether the session has ended and everything is settled."""
        return self._closed

    @property
    def remaining_ns(self) -> int | None:
        """Until the episode or the reset is over; None in other states."""
        clock, running, reset_over_ns = (
            self._around.clock, self.engine.running, self._reset_over_ns,
        )  # fmt: skip
        if self.session.state is State.RECORDING and running is not None:
            return max(0, running.end_ns - clock.now_ns())
        if self.session.state is State.RESET and reset_over_ns is not None:
            return max(0, reset_over_ns - clock.steady_ns())
        return None

    def push(self) -> tuple[bool, str]:
        """Upload what is durable, beside the session; return whether it began, and words."""
        with self._lock:
            if self._closed:
                return False, 'push_to_hub is refused: the recorder is ending'
            accepted, self.message = self._finishing.push(bool(self.writer.total_episodes))
        self._around.changed()
        return accepted, self.message

    def command(self, event: Event, reason: str = '') -> tuple[Decision, list[Future[Any]]]:
        """Let the session decide and carry out what it says; the futures end when it is durable."""
        with self._lock:
            if self._closed:
                return Decision(False, 'refused: the recorder is ending'), []
            if event is Event.UNDO and self.engine.waiting_takes:
                return Decision(False, 'undo_save is refused: a take is still being written'), []
            before = self.session.state
            decision = self.session.handle(event, reason)
            futures: list[Future[Any]] = []
            if decision.accepted:
                try:
                    futures = self.engine.apply(decision.actions)
                except OSError as error:
                    self.session.state = State.IDLE
                    decision = decision._replace(
                        accepted=False, reason=f'cannot begin a take: {error}'
                    )
            if decision.accepted and event is Event.UNDO:
                futures[0].add_done_callback(self._on_undone)
            went_well = before is State.RECORDING and event in (Event.SAVE, Event.EPISODE_OVER)
            if decision.accepted and went_well:
                self._fault_rule.note(is_fault=False)
            if decision.accepted and event is Event.START:
                self._waits_for_operator = self.config.start != 'auto'
            if Action.OPEN in decision.actions and decision.accepted:
                self.check_publishers()
                assert self.engine.running is not None
                notices = self.engine.running.notices
                decision = decision._replace(reason='; '.join([decision.reason, *notices]))
            self.message = reason or decision.reason
            if decision.accepted:
                self._set_deadline(decision)
        self._around.changed()
        return decision, futures

    def fault(self, reason: str, failure: bool = False) -> bool:
        """End the running take; the operator decides about its rows and about going on.

        Args:
            reason: for people.
            failure: the robot failed, not the recording; an unmarked take is marked so.

        Returns:
            whether there was a take to end.
        """
        with self._lock:
            running = self.engine.running
            if self.session.state is not State.RECORDING or self._closed or running is None:
                return False
            if failure and running.outcome is None:
                running.outcome = False
            self._waits_for_operator = True
            self._fault_rule.note(is_fault=True)
            self.command(Event.FAULT, f'fault: {reason}')
        next_step = 'save_episode or discard_episode'
        if not self._fault_rule.waits:
            next_step = f'on_fault is {self.config.on_fault}'
        self._around.log.error(f'the take ended: {reason}; its rows are kept: {next_step}')
        return True

    def tick(self) -> None:
        """Do what time brings; to be called often."""
        if self._closed:
            return
        state = self.session.state
        over = self.remaining_ns == 0
        if state is State.RECORDING and over:
            self.command(Event.EPISODE_OVER)
        elif state is State.RESET and over:
            self._begin_when_possible(Event.RESET_OVER)
        elif state is State.FAULT and not self._fault_rule.waits:
            self._settle_fault()
        elif state is State.IDLE and not self._waits_for_operator:
            self._begin_when_possible(Event.START)
        elif state is State.DONE and not self.engine.waiting_takes:
            self._finish()

    def check_disk(self) -> None:
        """End the running take before the disk is full; to be called now and then.

        Frames that begin to wait there for their encoder are told at once.
        """
        running = self.engine.running
        if self.session.state is not State.RECORDING or running is None:
            return
        if running is not self._told_of and running.take.spilled_frames:
            self._told_of = running
            self.message = (
                'frames wait on disk: the encoder is too slow; nothing is lost, but saving will '
                'take longer; a cheaper vcodec or fewer cameras help'
            )
            self._around.log.warning(self.message)
        if why := self._disk_low():
            self.fault(why)

    def gate(self) -> str:
        """Return why no episode can start now, '' when one can."""
        if self.engine.waiting_takes >= MAX_WAITING_TAKES:
            return f'{self.engine.waiting_takes} takes are still being written'
        awaited = self.config.start_when
        if awaited and not self._around.has_publisher(awaited):
            return f'{awaited} has no publisher yet'
        return self._disk_low() or self._gate.why_shut(self.engine.rows.paused)

    def check_publishers(self) -> None:
        """Warn when the messages of several nodes mix in a running take; to be called now and then.

        The take's report says so too.
        """
        running = self.engine.running
        if self.session.state is not State.RECORDING or running is None:
            return
        for text in self._gate.mixed():
            if text not in running.notices:
                running.notices.append(text)
                self.message = text
                self._around.log.warning(text)

    def free_mb(self) -> int:
        """Free disk space (MiB) where there is least: videos may lie on a disk of their own."""
        root = self.writer.root
        places = (layout.recording_folder(root), root, root / 'videos')
        return min(_free_mb(place) for place in places)

    def close(self) -> None:
        """Settle the takes and stop: a running one is kept, a finished one published."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            actions: tuple[Action, ...] = ()
            if self.engine.running is not None:
                actions = (Action.END, Action.KEEP)
            elif self.engine.pending is not None:
                faulty = self.session.state is State.FAULT
                actions = (Action.KEEP if faulty else Action.PUBLISH,)
            futures = self.engine.apply(actions)
        for future in futures:
            try:
                result = future.result()
            except Exception as error:
                self._around.log.error(f'while closing: {error}')
                continue
            if isinstance(result, Path):
                self._around.log.warning(
                    f'the unfinished take is kept in {result}; save it with: '
                    f'ros2 run recorder recover {self.writer.root}'
                )
        self.engine.close()
        self.pusher.close()

    def _settle_fault(self) -> None:
        """Decide in the operator's place; the next episode begins after a reset like any other."""
        self._gave_up = self._fault_rule.gives_up
        for event in self._fault_rule.events():
            self.command(event)
        if self._gave_up:
            self._around.log.error(
                f'the session ends after a fault (on_fault is {self.config.on_fault}, max_faults '
                f'is {self.config.max_faults}): {self.session.fault_reason}'
            )
        elif self.config.start == 'auto':
            self._waits_for_operator = False
            self._resume_ns = self._around.clock.steady_ns() + round(self.config.reset_time_s * NS)
            self._started_ns = self._warned_ns = self._resume_ns

    def _begin_when_possible(self, event: Event) -> None:
        """Start by itself; a closed gate is no refusal of anybody's command, but it is told."""
        if self._around.clock.steady_ns() < self._resume_ns:
            return
        with self._lock:
            more = self.session.saved < self.config.num_episodes
            why = self.gate() if more and self.config.start == 'auto' else ''
            if not why:
                self.command(event)
                return
            self.message = f'waiting: {why}'
        now_ns = self._around.clock.steady_ns()
        waited_ns = now_ns - self._started_ns
        if waited_ns > _QUIET_START_NS and now_ns - self._warned_ns > _WARN_EVERY_NS:
            self._warned_ns = now_ns
            self._around.log.warning(self.message)
        # In RESET the operator is there; what is waited for in IDLE may never come.
        if self.session.state is State.IDLE and waited_ns > self.config.start_timeout_s * NS:
            self._around.log.error(
                f'gave up after {waited_ns / NS:.0f} s (start_timeout_s): {self.message}'
            )
            self._around.stop('the streams did not come', EXIT_NO_STREAMS)

    def _finish(self) -> None:
        has_episodes = bool(self.writer.total_episodes)
        code = self._finishing.step(self._around.clock.steady_ns(), has_episodes)
        if code is None:
            return
        self._around.log.info(
            f'session over: {self.session.saved} episodes saved, {self.writer.total_episodes} '
            f'in {self.writer.root}'
        )
        if text := summary(self.outcomes):
            self._around.log.info(text)
        if self._gave_up:
            code = EXIT_FAULTS
        self._around.stop('the session is over', EXIT_NOT_SAVED if self._failed else code)

    def _on_undone(self, undone: Future[Any]) -> None:
        if error := undone.exception():
            with self._lock:
                self.session.saved += 1
            self.message = f'the last episode could not be removed: {error}'
            self._around.log.error(self.message)
        else:
            self.outcomes.pop()
            self.message = f'episode {undone.result().episode_index} is removed'
            self._around.log.info(self.message)
        self._around.changed()

    def _on_upload(self, state: PushState) -> None:
        self.message = f'upload: {state.describe()}'
        if state.state == FAILED:
            self._around.log.error(self.message)
        self._around.changed()

    def _on_published(self, outcome: Saved | Exception, folder: Path) -> None:
        if isinstance(outcome, Saved):
            self.outcomes.append(outcome.report['outcome'])
            self.last_report = {'episode_index': outcome.episode_index, **outcome.report}
            self.message = (
                f'episode {outcome.episode_index} saved: {reports.one_line(outcome.report)}'
            )
            self._around.log.info(self.message)
            self._around.reported(self.last_report)
        else:
            with self._lock:
                self.session.unsave()
            self._failed = True
            self.message = f'an episode could not be saved: {outcome}; the take is kept in {folder}'
            self._around.log.error(self.message)
        self._around.changed()

    def _disk_low(self) -> str:
        free_mb, wanted_mb = self.free_mb(), self.config.min_free_mb
        if free_mb >= wanted_mb:
            return ''
        return f'only {free_mb} MiB are free at {self.writer.root}, min_free_mb is {wanted_mb}'

    def _set_deadline(self, decision: Decision) -> None:
        if decision.state is State.RESET and Action.END in decision.actions:
            reset_ns = round(self.config.reset_time_s * NS)
            self._reset_over_ns = self._around.clock.steady_ns() + reset_ns


def _free_mb(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free // _MIB
