"""Encoding: one frame per row on the exact grid, readable when cut, nothing dropped."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import av
import numpy as np
import pytest

from recorder_node.encoding.spill import SpillQueue
from recorder_node.encoding.stats import PictureStats, aggregate, numeric_stats
from recorder_node.encoding.video import CODECS, VideoEncoder, finish, video_info
from recorder_node.episode.fragments import whole_length
from recorder_node.errors import EncodeError
from recorder_node.streams.pictures import Picture
from tests.conftest import picture, small_contract

CAMERA = small_contract().cameras[0]
SOFTWARE = [name for name, codec in CODECS.items() if codec.encoder.startswith('lib')]


def encode(path: Path, frames: int, codec: str = 'h264') -> VideoEncoder:
    encoder = VideoEncoder(path, CAMERA, 30, CODECS[codec])
    for number in range(frames):
        encoder.add(picture(number))
    encoder.close()
    return encoder


def decode(path: Path) -> tuple[list[np.ndarray], list[float]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [f.to_ndarray(format='rgb24') for f in frames], [f.time for f in frames]


def green(image: np.ndarray) -> int:
    return int(image[4, 60, 1])


@pytest.mark.parametrize('codec', SOFTWARE)
def test_frames_come_back_in_order_on_the_grid(tmp_path: Path, codec: str) -> None:
    encode(tmp_path / 'a.mp4', 41, codec)
    finish(tmp_path / 'a.mp4', tmp_path / 'b.mp4', 30, 41)
    images, times = decode(tmp_path / 'b.mp4')
    assert times == pytest.approx([n / 30 for n in range(41)], abs=1e-6)
    for number, image in enumerate(images):
        assert abs(green(image) - (number * 37) % 256) < 16
    info = video_info(tmp_path / 'b.mp4')
    assert (info['video.height'], info['video.width'], info['video.fps']) == (48, 64, 30)
    assert info['video.codec'] == CODECS[codec].name
    assert info['video.pix_fmt'] == 'yuv420p'


def test_a_video_cut_anywhere_plays_up_to_the_cut(tmp_path: Path) -> None:
    encode(tmp_path / 'a.mp4', 60)
    data = (tmp_path / 'a.mp4').read_bytes()
    cut = tmp_path / 'cut.mp4'
    begin, decoded = data.find(b'mdat'), 0
    for length in range(begin, len(data), 53):
        cut.write_bytes(data[:length])
        os.truncate(cut, whole_length(cut))
        images = decode(cut)[0] if b'mdat' in cut.read_bytes() else []
        for number, image in enumerate(images):
            assert abs(green(image) - (number * 37) % 256) < 16
        assert len(images) >= decoded
        decoded = len(images)
    assert decoded >= 58


def test_frames_and_rows_must_agree(tmp_path: Path) -> None:
    encode(tmp_path / 'a.mp4', 10)
    with pytest.raises(EncodeError, match='10 frames for 11 rows'):
        finish(tmp_path / 'a.mp4', tmp_path / 'b.mp4', 30, 11)
    with pytest.raises(EncodeError, match='10 frames for 8 rows'):
        finish(tmp_path / 'a.mp4', tmp_path / 'b.mp4', 30, 8)
    finish(tmp_path / 'a.mp4', tmp_path / 'b.mp4', 30, 9)
    assert len(decode(tmp_path / 'b.mp4')[0]) == 9


def test_an_encoder_error_is_told_and_leaves_no_thread(tmp_path: Path) -> None:
    encoder = VideoEncoder(tmp_path / 'bad.mp4', CAMERA, 30, CODECS['h264'])
    encoder.add(Picture(48, 64, 'compressed', 0, b'garbage'))
    with pytest.raises(EncodeError, match='a compressed picture is damaged'):
        encoder.close()
    with pytest.raises(EncodeError):
        encoder.add(picture(0))
    assert not [t for t in threading.enumerate() if t.name == 'encode bad']


def test_a_slow_reader_makes_frames_wait_on_disk_in_order(tmp_path: Path) -> None:
    queue = SpillQueue(tmp_path / 'spill', memory_frames=3)
    for number in range(10):
        queue.put(picture(number))
    assert len(queue) == 10
    assert queue.spilled_frames == 7
    assert queue.spilled_bytes == 7 * 48 * 64 * 3
    taken = [queue.get() for _ in range(6)]
    queue.put(picture(10))
    taken += [queue.get() for _ in range(5)]
    assert [bytes(p.data) for p in taken if p] == [picture(n).data for n in range(11)]
    queue.put(picture(11))
    assert queue.spilled_frames == 8
    queue.close()
    assert queue.get() == picture(11)
    assert queue.get() is None
    queue.remove()
    assert not (tmp_path / 'spill').exists()


def test_a_full_disk_is_told_to_the_one_who_puts(tmp_path: Path) -> None:
    queue = SpillQueue(tmp_path / 'no folder' / 'spill', memory_frames=1)
    queue.put(picture(0))
    with pytest.raises(OSError, match='No such file'):
        queue.put(picture(1))
    assert len(queue) == 1
    assert queue.get() == picture(0)


def test_picture_statistics_equal_numpy_over_all_frames() -> None:
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (7, 48, 64, 3), np.uint8)
    stats = PictureStats(48, 64)
    for frame in frames:
        stats.add(frame, 'rgb24')
    result = stats.result()
    exact = frames.reshape(-1, 3) / 255.0
    for name, want in (
        ('min', exact.min(0)),
        ('max', exact.max(0)),
        ('mean', exact.mean(0)),
        ('std', exact.std(0)),
        ('q50', np.quantile(exact, 0.5, axis=0)),
    ):
        assert result[name].shape == (3, 1, 1)
        np.testing.assert_allclose(
            result[name].ravel(), want, atol=0.004 if name == 'q50' else 1e-9
        )
    assert result['count'].tolist() == [7]


def test_large_pictures_are_looked_at_through_lerobots_grid() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[::4, ::4] = 255
    stats = PictureStats(480, 640)
    stats.add(image, 'bgr24')
    assert stats.result()['mean'].ravel().tolist() == [1.0, 1.0, 1.0]


def test_aggregation_is_exact_but_for_quantiles() -> None:
    random = np.random.default_rng(1)
    parts = [random.normal(size=(n, 4)) + 1000 for n in (5, 50, 17)]
    whole = numeric_stats(np.concatenate(parts))
    joined = aggregate([{'x': numeric_stats(part)} for part in parts])['x']
    for name in ('min', 'max', 'mean', 'std'):
        np.testing.assert_allclose(joined[name], whole[name], rtol=1e-12)
    assert joined['count'].tolist() == [72]
