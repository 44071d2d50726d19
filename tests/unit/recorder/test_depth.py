"""Depth: LeRobot's 12-bit codes, pixels without a measurement, encodings, lossless video."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace as Message

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder_node.contract.contract import Feature
from recorder_node.contract.contract_file import parse
from recorder_node.contract.depth import LARGEST_CODE, DepthCoding
from recorder_node.encoding.codecs import CODECS
from recorder_node.encoding.images import ImageFile, ImageWriter, decoded
from recorder_node.encoding.video import VideoEncoder, finish, frames_of, video_info
from recorder_node.errors import StreamError
from recorder_node.streams.messages import Units, extractor
from recorder_node.streams.pictures import Picture, depth_of

HEIGHT, WIDTH = 48, 70


def camera(unit: str = 'mm', dtype: str = 'video', **depth: object) -> Feature:
    entry = {
        'topic': '/d',
        'type': 'sensor_msgs/msg/Image',
        'shape': [HEIGHT, WIDTH, 1],
        'depth': {'unit': unit, **depth},
    }
    contract = parse({'version': 1, 'robot_type': 'x', 'features': {'observation.images.d': entry}})
    return (contract if dtype == 'video' else contract.stored_as_images()).features[0]


def lerobots_codes(depth_m: np.ndarray, coding: DepthCoding) -> np.ndarray:
    """The formula of lerobot 0.6, in float64."""
    low, high, shift = coding.min_m, coding.max_m, coding.shift_m
    if coding.log:
        begin, end = math.log(low + shift), math.log(high + shift)
        share = (np.log(depth_m + shift) - begin) / (end - begin)
    else:
        share = (depth_m - low) / (high - low)
    return np.rint(share * LARGEST_CODE).clip(0, LARGEST_CODE)


@pytest.mark.parametrize('unit', ['mm', 'm'])
@pytest.mark.parametrize('log', [True, False])
def test_codes_are_lerobots_but_a_measured_pixel_is_never_code_0(unit: str, log: bool) -> None:
    coding = DepthCoding(unit, log=log)
    mm = np.arange(1, 2**16, dtype=np.uint16)
    depth = mm if unit == 'mm' else (mm / 1000).astype(np.float32)
    expected = np.maximum(lerobots_codes(mm / 1000, coding), 1)
    # float32, in which LeRobot computes too, may round the other way.
    assert np.abs(coding.codes(depth) - expected).max() <= (0 if unit == 'mm' else 1)
    assert (coding.codes(depth) == expected).mean() > 0.99


@given(depth_mm=st.integers(11, 9999))
def test_codes_come_back_within_a_step(depth_mm: int) -> None:
    coding = DepthCoding()
    codes = coding.codes(np.array([[depth_mm]], np.uint16))
    step_mm = math.log(13.5 / 3.51) / LARGEST_CODE * (depth_mm + 3500)
    assert abs(int(coding.depths(codes)[0, 0]) - depth_mm) <= step_mm / 2 + 1


def test_what_was_not_measured_is_0() -> None:
    coding = DepthCoding('m')
    raw = np.array([[np.nan, np.inf, -np.inf, 0.0, -1.0, 0.001, 1.0]], '<f4')
    depth = coding.measured(raw)
    assert depth[0, :5].tolist() == [0.0] * 5
    codes = coding.codes(depth)
    assert codes[0, :6].tolist() == [0, 0, 0, 0, 0, 1]
    assert coding.depths(codes)[0, :5].tolist() == [0.0] * 5


def test_the_coding_survives_the_features_info() -> None:
    coding = DepthCoding('m', 0.2, 4.0, 1.0, False)
    assert DepthCoding.from_info(coding.info(as_video=True)) == coding
    assert DepthCoding.from_info(coding.info(as_video=False)) == DepthCoding('m')
    assert DepthCoding.from_info({'is_depth_map': False}) is None
    assert DepthCoding.from_info(None) is None


def frame(k: int, unit: str, padding: int = 0, big_endian: bool = False) -> Picture:
    """A noisy depth picture with a hole."""
    mm = np.random.default_rng(k).integers(400, 9000, (HEIGHT, WIDTH))
    kind = ('>' if big_endian else '<') + ('u2' if unit == 'mm' else 'f4')
    data = np.zeros((HEIGHT, WIDTH + padding), kind)
    data[:, :WIDTH] = mm if unit == 'mm' else mm / 1000
    data[:3, :3] = 0 if unit == 'mm' else np.nan
    encoding = '16UC1' if unit == 'mm' else '32FC1'
    return Picture(HEIGHT, WIDTH, encoding, data.strides[0], data.tobytes(), big_endian)


@pytest.mark.parametrize('unit', ['mm', 'm'])
def test_padding_and_byte_order_do_not_matter(unit: str) -> None:
    coding = DepthCoding(unit)
    plain = depth_of(frame(1, unit), coding)
    assert plain.shape == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(plain, depth_of(frame(1, unit, padding=5), coding))
    np.testing.assert_array_equal(plain, depth_of(frame(1, unit, big_endian=True), coding))


@pytest.mark.parametrize('unit', ['mm', 'm'])
def test_a_video_holds_the_codes_without_loss(tmp_path: Path, unit: str) -> None:
    feature = camera(unit)
    assert feature.depth is not None
    encoder = VideoEncoder(tmp_path / 'd.mp4', feature, 30, CODECS['h264'])
    for k in range(7):
        encoder.add(frame(k, unit))
    encoder.close()
    finish(tmp_path / 'd.mp4', tmp_path / 'e.mp4', 30, 7)
    for k, codes in enumerate(frames_of(tmp_path / 'e.mp4', feature)):
        depth = depth_of(frame(k, unit), feature.depth)
        np.testing.assert_array_equal(codes, feature.depth.codes(depth))
    assert k == 6
    info = video_info(tmp_path / 'e.mp4')
    assert (info['video.pix_fmt'], info['video.codec']) == ('gray12le', 'hevc')
    assert (info['video.channels'], info['is_depth_map']) == (1, True)
    with av.open(str(tmp_path / 'e.mp4')) as container:
        packets = container.demux(container.streams.video[0])
        keys = [p.is_keyframe for p in packets if p.pts is not None]
    assert keys[::2] == [True] * 4


@pytest.mark.parametrize('unit', ['mm', 'm'])
def test_a_tiff_holds_the_depth_itself(tmp_path: Path, unit: str) -> None:
    feature = camera(unit, 'image')
    assert feature.depth is not None
    writer = ImageWriter(tmp_path / 'd.images', feature)
    for k in range(3):
        writer.add(frame(k, unit))
    writer.close()
    images = ImageFile(tmp_path / 'd.images')
    for k in range(3):
        depth = decoded(images[k], depth=True)
        np.testing.assert_array_equal(depth, depth_of(frame(k, unit), feature.depth))
        assert depth.dtype == (np.uint16 if unit == 'mm' else np.float32)
        assert not depth[:3, :3].any()
    assert writer.stats['min'].item() == 0


@pytest.mark.parametrize(
    ('unit', 'encoding', 'words'),
    [
        ('mm', '32FC1', 'set depth: {unit: m} in the contract'),
        ('m', '16UC1', 'set depth: {unit: mm} in the contract'),
        ('mm', 'rgb8', 'a depth camera sends 16UC1 or 32FC1'),
    ],
)
def test_another_encoding_is_refused_with_the_cure(unit: str, encoding: str, words: str) -> None:
    feature = camera(unit)
    stamp = Message(sec=1, nanosec=0)
    message = Message(
        header=Message(stamp=stamp, frame_id=''),
        height=HEIGHT,
        width=WIDTH,
        encoding=encoding,
        step=WIDTH * 4,
        data=bytes(HEIGHT * WIDTH * 4),
    )
    with pytest.raises(StreamError, match='/d: encoding') as caught:
        extractor(feature, feature.sources[0], Units('degrees'))(message)
    assert words in str(caught.value)
