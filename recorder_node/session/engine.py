"""The recorder without ROS: one sampler thread builds rows, one writer thread seals and publishes.

Hand-over: callbacks -> `StreamBuffer` -> sampler thread -> `Take` (encoder threads) -> writer
thread -> dataset. The next take can begin while the last one is still being sealed.
"""

from __future__ import annotations

import datetime
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from recorder_node.contract.contract import Contract
from recorder_node.dataset.consolidate import consolidate
from recorder_node.dataset.writer import DatasetWriter
from recorder_node.encoding.video import Codec
from recorder_node.episode.journal import Syncer
from recorder_node.episode.recording import Recording
from recorder_node.episode.row_builder import RowBuilder
from recorder_node.episode.sealed import marked
from recorder_node.episode.take import SealedTake, Take
from recorder_node.session.machine import Action
from recorder_node.streams.buffer import StreamBuffer
from recorder_node.streams.clock_watch import Clock
from recorder_node.streams.messages import NS
from recorder_node.streams.sampler import Sampler

# Takes that may wait for the disk before a new one is refused.
MAX_WAITING_TAKES = 2


class Saved(NamedTuple):
    """A published episode."""

    episode_index: int
    report: dict[str, Any]


class Undone(NamedTuple):
    """An episode that was removed again."""

    episode_index: int


class Settings(NamedTuple):
    """What the engine needs of the configuration."""

    fps: int
    max_rows: int
    row_delay_ns: int
    max_gap_ns: int
    codec: Codec


class Engine:
    """Carries out the session's actions.

    Args:
        contract: the features.
        buffers: the streams, filled by callbacks.
        settings: see `Settings`.
        clock: ROS and steady time.
        writer: the dataset.
        folder: where takes in progress live.
        task: returns the words of the present task.
        on_fault: called from the sampler's or journal's thread when the running take ended.
        on_published: called from the writer's thread with the outcome of each publication.
    """

    def __init__(
        self,
        contract: Contract,
        buffers: Mapping[str, StreamBuffer],
        settings: Settings,
        clock: Clock,
        writer: DatasetWriter,
        folder: Path,
        task: Callable[[], str],
        on_fault: Callable[[str], object],
        on_published: Callable[[Saved | Exception, Path], None],
    ) -> None:
        self._contract = contract
        self._buffers = buffers
        self._settings = settings
        self._writer = writer
        self._folder = folder
        self._task = task
        self._on_fault = on_fault
        self._on_published = on_published
        self._sampler = Sampler(contract, buffers, settings.fps)
        self._sealed: dict[Recording, Future[SealedTake]] = {}
        self.running: Recording | None = None
        self.pending: Recording | None = None
        self.waiting_takes = 0
        self._closing = threading.Event()
        self._syncer = Syncer(self._disk_fault)
        self._writing = ThreadPoolExecutor(1, thread_name_prefix='writer')
        self.rows = RowBuilder(buffers, clock, self._on_cut)

    def apply(self, actions: tuple[Action, ...]) -> list[Future[Any]]:
        """Carry out a decision's actions in order; return what is still to be awaited.

        Raises:
            OSError: when a take cannot be opened.
        """
        carry_out: dict[Action, Callable[[], Future[Any] | None]] = {
            Action.OPEN: self._open,
            Action.END: self._end,
            Action.PUBLISH: self._publish,
            Action.DROP: lambda: self._settle(self._drop_job),
            Action.KEEP: lambda: self._settle(self._keep_job),
            Action.UNDO: lambda: self._writing.submit(self._undo_job),
            Action.MARK_SUCCESS: lambda: self._mark(True),
            Action.MARK_FAILURE: lambda: self._mark(False),
        }
        futures = [carry_out[action]() for action in actions]
        return [future for future in futures if future is not None]

    def consolidate(self) -> Future[tuple[int, int]]:
        """Join the dataset's video files; the result is how many there were and are."""
        return self._writing.submit(self._consolidate_job)

    def close(self) -> None:
        """Stop the threads; takes must have been settled before, joining videos is given up.

        The writer first: what it still seals needs the sampler for the last rows.
        """
        self._closing.set()
        self._writing.shutdown()
        self.rows.close()
        self._syncer.close()

    def _open(self) -> None:
        with self.rows.opening() as (t0_ns, epoch):
            self.running = self._begun(t0_ns)
            self.running.epoch = epoch
            self.rows.add(self.running)

    def _begun(self, t0_ns: int) -> Recording:
        # The wall time in the name is for people; equal names get a number.
        stamp = datetime.datetime.fromtimestamp(t0_ns / NS).strftime('%Y%m%d-%H%M%S')
        name, number = f'take-{stamp}', 1
        while (self._folder / name).exists():
            name, number = f'take-{stamp}-{number}', number + 1
        settings = self._settings
        take = Take(self._folder / name, self._contract, settings.fps, t0_ns, settings.codec)
        recording = Recording(
            take,
            self._sampler,
            self._buffers,
            settings.max_rows,
            settings.row_delay_ns,
            settings.max_gap_ns,
            self._task,
        )
        self._syncer.add(take.sync)
        return recording

    def _end(self) -> None:
        recording = self.running
        assert recording is not None
        self.running, self.pending = None, recording
        self.rows.end(recording)
        self._sealed[recording] = self._writing.submit(self._seal, recording)

    def _seal(self, recording: Recording) -> SealedTake:
        recording.complete.wait()
        self._syncer.remove(recording.take.sync)
        return recording.take.seal(recording.outcome)

    def _publish(self) -> Future[Saved]:
        self.waiting_takes += 1
        return self._settle(self._publish_job)

    def _settle(self, job: Callable[[Recording, Future[SealedTake]], Any]) -> Future[Any]:
        recording = self.pending
        assert recording is not None
        self.pending = None
        return self._writing.submit(job, recording, self._sealed.pop(recording))

    def _publish_job(self, recording: Recording, sealed: Future[SealedTake]) -> Saved:
        try:
            take = sealed.result()
            if recording.outcome is not None and recording.outcome != take.outcome:
                take = marked(take, self._contract, recording.outcome)
            report = recording.report(take)
            saved = Saved(self._writer.publish(take, report), report)
        except Exception as error:
            self._on_published(error, recording.take.folder)
            raise
        finally:
            self.waiting_takes -= 1
        self._on_published(saved, recording.take.folder)
        return saved

    def _drop_job(self, recording: Recording, sealed: Future[SealedTake]) -> None:
        sealed.exception()
        shutil.rmtree(recording.take.folder)

    def _mark(self, success: bool) -> None:
        recording = self.running or self.pending
        assert recording is not None
        recording.outcome = success

    def _undo_job(self) -> Undone:
        return Undone(self._writer.drop_last())

    def _consolidate_job(self) -> tuple[int, int]:
        if not self._writer.total_episodes:
            return 0, 0
        counts = consolidate(self._writer.root, self._closing.is_set)
        self._writer.reload()
        return counts

    def _keep_job(self, recording: Recording, sealed: Future[SealedTake]) -> Path:
        sealed.exception()
        return recording.take.folder

    def _on_cut(self, recording: Recording, reason: str) -> None:
        if recording is self.running:
            self._on_fault(reason)

    def _disk_fault(self, reason: str) -> None:
        if self.running is not None:
            self._on_fault(reason)
