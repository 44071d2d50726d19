"""A take when the disk is full or slow: it ends in words, its rows stay, nothing hangs."""

from __future__ import annotations

import errno
import gc
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from recorder_node.contract.contract import Contract
from recorder_node.encoding import append_file, camera_writer
from recorder_node.encoding.append_file import AppendFile
from recorder_node.encoding.video import CODECS, VideoEncoder
from recorder_node.episode.recording import Recording, TakeError
from recorder_node.episode.restore import restore
from recorder_node.episode.take import Take
from recorder_node.errors import EncodeError, RecorderError
from recorder_node.streams.buffer import StreamBuffer
from recorder_node.streams.messages import NS
from recorder_node.streams.pictures import Picture
from recorder_node.streams.sampler import Sampler, make_buffers
from tests.conftest import T0_NS, fill, picture, small_contract, wait_until
from tests.kinds import fill_kinds, kinds_contract

ROWS = 30


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith('encode')]


def recording(folder: Path, contract: Contract, buffers: dict[str, StreamBuffer]) -> Recording:
    take = Take(folder, contract, 30, T0_NS, CODECS['h264'])
    sampler = Sampler(contract, buffers, 30)
    return Recording(take, sampler, buffers, ROWS, 0, NS, lambda: 'pick')


class Disk:
    """Counts the writes and refuses from one of them on, or that one alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
        self.calls = 0
        self.full_at: int | None = None
        self.for_good = False
        real = getattr(append_file.os, call)

        def guarded(*args: Any) -> Any:
            number, self.calls = self.calls, self.calls + 1
            if self.full_at is not None and (
                number == self.full_at or (self.for_good and number > self.full_at)
            ):
                raise OSError(errno.ENOSPC, 'No space left on device')
            return real(*args)

        monkeypatch.setattr(append_file.os, call, guarded)


@pytest.mark.parametrize('for_good', [False, True])
@pytest.mark.parametrize('video', [True, False])
def test_a_disk_full_at_any_write_ends_the_take_with_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, video: bool, for_good: bool
) -> None:
    contract = kinds_contract(video)
    # Every frame that does not fit into memory is spilled, so spilling is refused now and then.
    monkeypatch.setattr(camera_writer, '_QUEUE_FRAMES', 1)
    disk = Disk(monkeypatch, 'pwrite')
    buffers = make_buffers(contract, 1000.0)
    fill_kinds(buffers, ROWS)
    sealed_rows = []
    for number in range(0, 45, 2):
        disk.calls, disk.full_at, disk.for_good = 0, number, for_good
        session = recording(tmp_path / str(number), contract, buffers)
        try:
            session.build_due(T0_NS + 2 * NS, 0)
        except TakeError as error:
            assert 'No space left on device' in str(error)
            assert session.complete.is_set()
        rows = session.take.rows
        try:
            take = session.take.seal()
        except RecorderError as error:
            assert 'no row' in str(error)
            # Only image files can be lacking altogether: a video grows by other calls.
            assert not video or not rows
        else:
            assert len(take.columns['action']) == take.rows <= rows
            assert take.rows == rows or any('No space left' in w for w in take.warnings)
            assert restore(session.take.folder)[0].rows == take.rows
            sealed_rows.append(take.rows)
        assert not threads()
        session.take.remove()
    # Image files that wait for a disk that stays full cannot be kept.
    assert max(sealed_rows) > (3 if video or not for_good else 0)


def test_a_frame_whose_row_was_not_written_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = small_contract()
    buffers = make_buffers(contract, 1000.0)
    fill(buffers, ROWS)
    session = recording(tmp_path / 'take', contract, buffers)
    session.build_due(T0_NS + 9 * NS // 30, 0)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(session.take._journal, 'append', full)
    with pytest.raises(TakeError, match=r'cannot write to .*take: No space left on device'):
        session.build_due(T0_NS + NS, NS * 7 // 10)
    take = session.take.seal()
    assert take.rows == 10
    assert take.stats['observation.images.cam0']['count'].tolist() == [10]
    assert not take.warnings


def test_a_sync_that_is_refused_is_told_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = kinds_contract()
    buffers = make_buffers(contract, 1000.0)
    fill_kinds(buffers, ROWS)
    session = recording(tmp_path / 'take', contract, buffers)
    session.build_due(T0_NS + 2 * NS, 0)
    wait_until(lambda: not session.take.waiting_frames, what='the encoders')
    disk = Disk(monkeypatch, 'fsync')
    for number in range(4):
        disk.calls, disk.full_at = 0, number
        with pytest.raises(OSError, match='No space left'):
            session.take.sync()
    disk.calls, disk.full_at = 0, 0
    with pytest.raises(OSError, match='No space left'):
        session.take.seal()
    assert not threads()
    disk.full_at = None
    assert restore(session.take.folder)[0].rows == ROWS


def test_a_video_that_cannot_grow_leaves_the_rows_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = small_contract()
    buffers = make_buffers(contract, 1000.0)
    fill(buffers, ROWS)
    real = VideoEncoder._frame

    def full(self: VideoEncoder, shown: Picture) -> Any:
        if self.frames == 10:
            raise OSError(errno.ENOSPC, 'No space left on device')
        return real(self, shown)

    monkeypatch.setattr(VideoEncoder, '_frame', full)
    session = recording(tmp_path / 'take', contract, buffers)
    with pytest.raises(TakeError, match=r'cam0\.mp4: No space left on device'):
        for k in range(ROWS):
            session.build_due(T0_NS + k * NS // 30, k * NS // 30)
            wait_until(lambda: not session.take.waiting_frames, what='the encoder')
    take = session.take.seal()
    assert take.rows == 10
    assert any('rows are left out' in warning for warning in take.warnings)
    assert any('No space left' in warning for warning in session.report(take)['warnings'])
    assert not threads()


def test_a_camera_that_never_began_is_told_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_row = threading.Event()

    def fail(self: VideoEncoder, container: Any) -> Any:
        assert has_row.wait(30.0)
        raise RuntimeError('no such encoder')

    monkeypatch.setattr(VideoEncoder, '_stream', fail)
    contract = small_contract()
    buffers = make_buffers(contract, 1000.0)
    fill(buffers, 1)
    session = recording(tmp_path / 'take', contract, buffers)
    session.build_due(T0_NS + NS // 60, 0)
    has_row.set()
    with pytest.raises(EncodeError, match=r'no row is complete; .*cam0\.mp4: no such encoder'):
        session.take.seal()


def test_a_device_that_is_full_refuses_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = av.open

    def full(path: str, *args: Any, **options: Any) -> Any:
        return real('/dev/full' if path.endswith('.mp4') else path, *args, **options)

    monkeypatch.setattr(av, 'open', full)
    camera = small_contract().cameras[0]
    encoder = VideoEncoder(tmp_path / 'a.mp4', camera, 30, CODECS['h264'])
    with pytest.raises(EncodeError, match='No space left on device'):
        for number in range(10_000):
            encoder.add(picture(number))
            wait_until(lambda: not len(encoder.queue), what='the encoder')
    with pytest.raises(EncodeError, match='No space left on device'):
        encoder.close()
    assert not threads()


def test_a_record_that_does_not_fit_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = AppendFile(tmp_path / 'a')
    assert file.append(b'abc', b'd') == 0
    real, calls = append_file.os.pwrite, []

    def short(descriptor: int, data: memoryview, at: int) -> int:
        calls.append(at)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, 'No space left on device')
        return int(real(descriptor, data[:2], at))

    with monkeypatch.context() as patch:
        patch.setattr(append_file.os, 'pwrite', short)
        with pytest.raises(OSError, match='No space left'):
            file.append(b'efgh')
    assert (tmp_path / 'a').read_bytes() == b'abcd'
    assert file.append(b'ijk') == 4
    assert file.read(2, 4) == b'cdij'
    file.close()
    file.sync()
    with pytest.raises(ValueError, match='closed'):
        file.append(b'x')


def test_four_cameras_and_a_slow_encoder_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = small_contract(cameras=4)
    rows = 100
    buffers = make_buffers(contract, 1000.0)
    fill(buffers, rows)
    all_rows_are_in = threading.Event()
    real = VideoEncoder._frame

    def slow(self: VideoEncoder, shown: Picture) -> Any:
        if self.frames >= 5:
            all_rows_are_in.wait()
        return real(self, shown)

    monkeypatch.setattr(VideoEncoder, '_frame', slow)
    take = Take(tmp_path / 'take', contract, 30, T0_NS, CODECS['h264'])
    sampler = Sampler(contract, buffers, 30)
    for k in range(rows):
        take.add(sampler.row(T0_NS, k), 'pick')
    assert take.waiting_frames >= 4 * (rows - 6)
    all_rows_are_in.set()
    sealed = take.seal()
    assert sealed.rows == rows
    assert sealed.spilled_frames >= 4 * (rows - 6 - 31)
    assert sealed.spilled_bytes == sealed.spilled_frames * 48 * 64 * 3
    for path in sealed.videos.values():
        with av.open(str(path)) as container:
            for k, frame in enumerate(container.decode(video=0)):
                got = int(frame.to_ndarray(format='rgb24')[4, 60, 1])
                assert abs(got - ((k + 3) * 37) % 256) < 16
        assert k == rows - 1
    assert not list(tmp_path.rglob('*.spill'))


def grown_bytes(work: Callable[[], object]) -> int:
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    work()
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before


@pytest.mark.parametrize('video', [True, False])
def test_memory_does_not_grow_with_the_take(tmp_path: Path, video: bool) -> None:
    contract = small_contract(cameras=2)
    contract = contract if video else contract.stored_as_images()
    buffers = make_buffers(contract, 1000.0)
    fill(buffers, 1)
    session = recording(tmp_path / 'take', contract, buffers)
    session._end_rows = 10_000
    sampler = Sampler(contract, buffers, 30)

    def add(rows: int) -> None:
        row = sampler.row(T0_NS, 0)
        for _ in range(rows):
            session.take.add(row, 'pick')
            session._note(row)
            session._built_ns.append(0)
        wait_until(lambda: not session.take.waiting_frames, what='the encoders')

    tracemalloc.start()
    try:
        add(50)
        grown = grown_bytes(lambda: add(1000))
    finally:
        tracemalloc.stop()
    # 18,000 rows, ten minutes at 30 per second, then need less than 2 MB.
    assert grown < 100_000
    assert np.all(session.take.seal().columns['action'] == sampler.row(T0_NS, 0).values['action'])
