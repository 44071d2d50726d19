"""A take's rows against a fake clock: grid, end, gaps, clock steps; then the engine's threads."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recorder_node.contract.contract import Contract
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.encoding.video import CODECS
from recorder_node.episode.recording import Recording, TakeError
from recorder_node.episode.take import Take, leftovers
from recorder_node.errors import RecorderError
from recorder_node.session import engine
from recorder_node.session.engine import Engine, Saved, Settings
from recorder_node.session.machine import Action
from recorder_node.streams.buffer import Sample, StreamBuffer
from recorder_node.streams.messages import NS
from recorder_node.streams.sampler import Sampler
from tests.conftest import T0_NS, FakeClock, fill, picture, wait_until

PERIOD_NS = NS // 30
DELAY_NS = 2 * PERIOD_NS


def recording(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer], max_rows: int = 100
) -> Recording:
    take = Take(tmp_path / 'take', contract, 30, T0_NS, CODECS['h264'])
    return Recording(
        take, Sampler(contract, buffers, 30), buffers, max_rows, DELAY_NS, NS // 2, lambda: 'pick'
    )


def test_rows_are_built_when_due_and_lateness_never_moves_the_grid(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    fill(buffers, 60)
    session = recording(tmp_path, contract, buffers)
    clock = FakeClock()
    assert session.build_due(clock.now_ns(), 0) == T0_NS + DELAY_NS
    assert session.take.rows == 0
    clock.advance(DELAY_NS)
    session.build_due(clock.now_ns(), clock.steady_ns())
    assert session.take.rows == 1
    clock.advance(NS)
    session.build_due(clock.now_ns(), clock.steady_ns())
    assert session.take.rows == 31
    session.end_at(clock.now_ns(), clock.steady_ns())
    clock.advance(DELAY_NS)
    assert session.build_due(clock.now_ns(), clock.steady_ns()) is None
    assert session.complete.is_set()
    sealed = session.take.seal()
    assert sealed.rows == 32
    np.testing.assert_allclose(
        sealed.columns['action'][:, 0], np.sin(np.arange(32) / 10), atol=1e-6
    )
    assert session.report(sealed)['streams']['action']['lost'] == 0


def test_the_episode_has_exactly_the_rows_of_its_time(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    fill(buffers, 60)
    session = recording(tmp_path, contract, buffers, max_rows=20)
    session.build_due(T0_NS + 2 * NS, 0)
    assert session.take.rows == 20
    assert session.end_ns == T0_NS + 20 * NS // 30
    session.take.abandon()


def test_a_short_gap_is_repeated_and_counted_a_long_one_is_a_fault(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    fill(buffers, 30)
    session = recording(tmp_path, contract, buffers)
    with pytest.raises(TakeError, match=r'is silent for 0\.7 s'):
        session.build_due(T0_NS + 5 * NS, 0)
    rows = session.take.rows
    assert 30 + 15 < rows < 60
    sealed = session.take.seal()
    report = session.report(sealed)
    assert report['rows'] == rows
    assert report['streams']['action']['stale'] > 10
    assert any('ended early' in warning for warning in report['warnings'])


def test_a_full_disk_ends_the_take_with_its_rows(
    tmp_path: Path,
    contract: Contract,
    buffers: dict[str, StreamBuffer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(buffers, 30)
    session = recording(tmp_path, contract, buffers)
    session.build_due(T0_NS + NS // 2, NS // 2)
    rows = session.take.rows

    def full(_record: object) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(session.take._journal, 'append', full)
    with pytest.raises(TakeError, match='No space left'):
        session.build_due(T0_NS + NS, NS)
    assert session.take.rows == rows
    assert session.take.seal().rows == rows


def test_a_take_without_rows_is_refused_in_words(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    session = recording(tmp_path, contract, buffers)
    with pytest.raises(TakeError, match='/applied'):
        session.build_due(T0_NS + NS, NS)
    assert session.complete.is_set()
    with pytest.raises(RecorderError, match='no rows'):
        session.take.seal()


def test_any_failure_ends_the_take_instead_of_the_sampler(
    tmp_path: Path,
    contract: Contract,
    buffers: dict[str, StreamBuffer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(buffers, 30)
    session = recording(tmp_path, contract, buffers)
    session.build_due(T0_NS + NS // 2, NS // 2)
    monkeypatch.setattr(session, '_note', lambda row: row.no_such_attribute)
    with pytest.raises(TakeError, match='no_such_attribute'):
        session.build_due(T0_NS + NS, NS)
    assert session.complete.is_set()
    assert session.take.seal().rows == session.take.rows > 10


class Bench:
    """An engine with a fake clock and a dataset in a temporary folder."""

    def __init__(
        self,
        tmp_path: Path,
        contract: Contract,
        buffers: dict[str, StreamBuffer],
        max_rows: int = 1000,
    ) -> None:
        self.clock = FakeClock()
        self.faults: list[str] = []
        self.published: list[object] = []
        self.root = tmp_path / 'ds'
        self.folder = tmp_path / 'ds.recording'
        self.writer = DatasetWriter(self.root, describe(contract, 30), resume=False)
        self.buffers = buffers
        self.engine = Engine(
            contract,
            buffers,
            Settings(30, max_rows, DELAY_NS, NS // 2, CODECS['h264']),
            self.clock,
            self.writer,
            self.folder,
            lambda: 'pick',
            self.faults.append,
            lambda outcome, _folder: self.published.append(outcome),
        )
        fill(buffers, 300)

    def run_for(self, seconds: float) -> None:
        """Let fake time pass until all rows due are built."""
        running = self.engine.running
        self.clock.advance(round(seconds * NS))
        self.engine.rows.wake()
        if running is not None:
            due = (self.clock.now_ns() - running.take.t0_ns - DELAY_NS) * 30 // NS + 1
            wait_until(lambda: running.take.rows >= due, what='rows')

    def publish_a_take(self) -> Future[Any]:
        """Record for half a second and publish."""
        self.engine.apply((Action.OPEN,))
        self.run_for(0.5)
        (future,) = self.engine.apply((Action.END, Action.PUBLISH))
        self.end_time()
        return future

    def end_time(self) -> None:
        """Let the rows before the end become due."""
        self.clock.advance(DELAY_NS)
        self.engine.rows.wake()


def test_two_takes_overlap_and_are_published_in_order(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    bench = Bench(tmp_path, contract, buffers)
    bench.engine.apply((Action.OPEN,))
    bench.run_for(1.0)
    first = bench.engine.apply((Action.END, Action.PUBLISH))
    bench.engine.apply((Action.OPEN,))
    bench.run_for(1.0)
    second = bench.engine.apply((Action.END, Action.PUBLISH))
    bench.end_time()
    saved = [future.result(timeout=20) for future in first + second]
    assert [s.episode_index for s in saved] == [0, 1]
    assert [s.report['rows'] for s in saved] == [31, 31]
    assert bench.published == saved
    bench.engine.close()
    assert not list(bench.folder.iterdir())
    assert not bench.faults


def test_only_what_rows_still_need_is_held(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    bench = Bench(tmp_path, contract, buffers)
    before = {key: len(buffer) for key, buffer in buffers.items()}
    bench.engine.apply((Action.OPEN,))
    bench.run_for(2.0)
    for key, buffer in buffers.items():
        wait_until(lambda b=buffer, k=key: len(b) < before[k] - 50, what='the release')
    bench.engine.apply((Action.END, Action.DROP))
    bench.clock.advance(20 * NS)
    bench.engine.rows.wake()
    for buffer in buffers.values():
        wait_until(lambda b=buffer: len(b) == 1, what='the last sample alone')
    bench.engine.close()


def test_a_take_that_opens_slowly_has_its_first_row(
    tmp_path: Path,
    contract: Contract,
    buffers: dict[str, StreamBuffer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(tmp_path, contract, buffers)
    released: list[int] = []
    real = StreamBuffer.release

    def release(self: StreamBuffer, t_ns: int) -> None:
        real(self, t_ns)
        released.append(t_ns)

    def slow(*args: object) -> Take:
        bench.clock.advance(NS)
        count = len(released)
        bench.engine.rows.wake()
        wait_until(lambda: len(released) > count + 2 * len(buffers), what='the sampler')
        return Take(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(StreamBuffer, 'release', release)
    monkeypatch.setattr(engine, 'Take', slow)
    future = bench.publish_a_take()
    assert future.result(timeout=20).report['rows'] > 40
    assert not bench.faults
    bench.engine.close()


def test_discard_leaves_nothing_and_keep_leaves_the_take(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    bench = Bench(tmp_path, contract, buffers)
    for actions in ((Action.END, Action.DROP), (Action.END, Action.KEEP)):
        bench.engine.apply((Action.OPEN,))
        bench.run_for(0.5)
        (future,) = bench.engine.apply(actions)
        bench.end_time()
        kept = future.result(timeout=20)
    bench.engine.close()
    assert not bench.root.exists()
    assert list(leftovers(bench.folder)) == [kept]
    assert (kept / 'rows.bin').stat().st_size > 0


def test_a_stream_that_dies_is_told_once_and_its_take_can_be_saved(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    bench = Bench(tmp_path, contract, buffers)
    bench.engine.apply((Action.OPEN,))
    bench.clock.advance(20 * NS)
    bench.engine.rows.wake()
    wait_until(lambda: bench.faults, what='the fault')
    (future,) = bench.engine.apply((Action.END, Action.PUBLISH))
    saved = future.result(timeout=20)
    assert isinstance(saved, Saved)
    assert len(bench.faults) == 1
    assert saved.report['rows'] > 300
    bench.engine.close()


def test_a_publication_that_fails_keeps_the_take(
    tmp_path: Path,
    contract: Contract,
    buffers: dict[str, StreamBuffer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(tmp_path, contract, buffers)

    def full(_take: object, _report: object) -> int:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(bench.writer, 'publish', full)
    future = bench.publish_a_take()
    assert isinstance(future.exception(timeout=20), OSError)
    bench.engine.close()
    assert len(bench.published) == 1
    assert len(leftovers(bench.folder)) == 1


def test_late_samples_are_used_by_rows_not_yet_built(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    fill(buffers, 2)
    session = recording(tmp_path, contract, buffers)
    late = Sample(T0_NS, T0_NS + 60_000_000, 'cam', picture(99))
    buffers['observation.images.cam0'].push(late)
    row = Sampler(contract, buffers, 30).row(T0_NS, 0)
    assert row.pictures['observation.images.cam0'] == picture(99)
    session.take.remove()
