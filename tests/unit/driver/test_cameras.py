"""Camera sources without hardware: coded pictures through real video, files, the scene."""

import io
import re
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from so101_driver.cameras.capture import CaptureOptions, CaptureThread
from so101_driver.cameras.coded_picture import CodedPicture, decode, encode
from so101_driver.cameras.config import CameraConfig, make_source
from so101_driver.cameras.frame import Frame
from so101_driver.cameras.source import JointCache
from so101_driver.common.errors import CameraError, ConfigError
from so101_driver.common.parameters import build
from so101_driver.simulator.operator import REST_RAD, PickAndPlace
from tests.conftest import wait_until

FPS = 30


def through_h264(images: list[np.ndarray], crf: int = 30) -> list[np.ndarray]:
    """Encode as the recorder does (H.264, GOP 2, yuv420p) and decode again."""
    file = io.BytesIO()
    with av.open(file, 'w', format='mp4') as container:
        stream = container.add_stream('libx264', rate=FPS)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = 'yuv420p'
        stream.options = {'crf': str(crf), 'g': '2', 'bf': '0', 'preset': 'ultrafast'}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]


def write_video(path: Path, count: int, size: tuple[int, int] = (320, 240)) -> None:
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=FPS)
        stream.width, stream.height = size
        stream.pix_fmt = 'yuv420p'
        for k in range(count):
            image = encode(CodedPicture(k, k), *size)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode(None))


@pytest.mark.parametrize('size', [(640, 480), (320, 240), (1280, 720)])
def test_coded_picture_survives_video(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(1)
    sent = [
        CodedPicture(
            k, 1_700_000_000_000_000_000 + k * 33_333_333, 5 + k, generator.uniform(-3, 3, 6)
        )
        for k in range(12)
    ]
    for crf in (30, 38):
        received = [decode(i) for i in through_h264([encode(c, *size) for c in sent], crf)]
        assert [r.frame for r in received] == list(range(12))
        for one, other in zip(sent, received, strict=True):
            assert other.capture_ns == one.capture_ns
            assert other.joint_stamp_ns == one.joint_stamp_ns
            np.testing.assert_allclose(other.positions_rad, one.positions_rad, atol=5.1e-5)


def test_coded_picture_without_joints_and_what_is_none() -> None:
    assert decode(encode(CodedPicture(3, -7))).positions_rad is None
    with pytest.raises(CameraError, match='not a coded picture'):
        decode(np.zeros((480, 640, 3), np.uint8))
    with pytest.raises(CameraError, match='too small'):
        encode(CodedPicture(0, 0), 160, 120)


def test_video_file_is_looped_forward_against_the_clock(tmp_path: Path) -> None:
    write_video(tmp_path / 'v.mp4', 7)
    config = build(
        CameraConfig,
        {'source': 'file', 'file': str(tmp_path / 'v.mp4'), 'width': 320, 'height': 240, 'fps': 0},
    )
    source = make_source(config, JointCache(), lambda: 42)
    source.open()
    assert source.rate_hz == FPS
    seen = [decode(source.grab(tick).image).frame for tick in (1, 2, 3, 5, 6, 7, 8, 16)]
    assert seen == [0, 1, 2, 4, 5, 6, 0, 1]
    source.close()
    with pytest.raises(CameraError, match='not open'):
        source.grab(17)


def test_video_file_problems(tmp_path: Path) -> None:
    path = tmp_path / 'v.mp4'
    values = {'source': 'file', 'file': str(path)}
    with pytest.raises(CameraError, match='is missing'):
        make_source(build(CameraConfig, values), JointCache(), lambda: 0).open()
    path.write_text('hello')
    with pytest.raises(CameraError, match='is no mp4 file'):
        make_source(build(CameraConfig, values), JointCache(), lambda: 0).open()
    path.write_text('version https://git-lfs.github.com/spec/v1\n')
    with pytest.raises(CameraError, match='git lfs pull'):
        make_source(build(CameraConfig, values), JointCache(), lambda: 0).open()
    write_video(path, 2)
    with pytest.raises(CameraError, match='320x240, asked for 640x480'):
        make_source(build(CameraConfig, values), JointCache(), lambda: 0).open()
    resized = make_source(build(CameraConfig, {**values, 'resize': True}), JointCache(), lambda: 0)
    resized.open()
    assert resized.grab(0).image.shape == (480, 640, 3)
    resized.close()


def turn(path: Path, cosine: int, sine: int) -> None:
    """Let an mp4 be shown turned clockwise, as phones do: by the matrix of its track's header."""
    data = bytearray(path.read_bytes())
    at = data.index(b'tkhd') + 44
    one = 1 << 16
    data[at : at + 36] = struct.pack(
        '>9i', cosine * one, sine * one, 0, -sine * one, cosine * one, 0, 0, 0, 1 << 30
    )
    path.write_bytes(data)


@pytest.mark.parametrize(
    ('cosine', 'sine', 'clockwise', 'size'),
    [(1, 0, 0, (320, 240)), (0, 1, 1, (240, 320)), (-1, 0, 2, (320, 240)), (0, -1, 3, (240, 320))],
)
def test_a_film_that_a_phone_turned_is_shown_upright(
    tmp_path: Path, cosine: int, sine: int, clockwise: int, size: tuple[int, int]
) -> None:
    path = tmp_path / 'v.mp4'
    write_video(path, 3)
    with av.open(str(path)) as container:
        plain = next(container.decode(video=0)).to_ndarray(format='rgb24')
    turn(path, cosine, sine)
    values = {'source': 'file', 'file': str(path), 'width': size[0], 'height': size[1]}
    source = make_source(build(CameraConfig, values), JointCache(), lambda: 0)
    source.open()
    np.testing.assert_array_equal(source.grab(0).image, np.rot90(plain, -clockwise))
    source.close()
    scaled = {**values, 'width': 120, 'height': 160, 'resize': True}
    source = make_source(build(CameraConfig, scaled), JointCache(), lambda: 0)
    source.open()
    assert source.grab(0).image.shape == (160, 120, 3)
    source.close()


@pytest.mark.parametrize('view', ['front', 'wrist'])
def test_scene_shows_the_pose(view: str) -> None:
    joints = JointCache()
    config = build(CameraConfig, {'source': 'scene', 'view': view, 'seed': 4})
    source = make_source(config, joints, lambda: 9)
    source.open()
    empty = source.grab(0)
    assert empty.image.shape == (480, 640, 3)
    assert empty.image.dtype == np.uint8
    assert empty.stamp_ns == 9
    motion = PickAndPlace(4).motion(0)
    pictures = []
    for time_s in (0.0, 2.0, 4.0):
        joints.put(motion.at(time_s), 1)
        pictures.append(source.grab(0).image.astype(int))
    for one, other in ((pictures[0], pictures[1]), (pictures[1], pictures[2])):
        assert np.mean(np.abs(one - other) > 20) > 0.01
    np.testing.assert_array_equal(source.grab(0).image, pictures[2])


def test_cube_is_carried_by_the_script() -> None:
    joints = JointCache()
    source = make_source(build(CameraConfig, {'source': 'scene'}), joints, lambda: 0)
    script = PickAndPlace(0)
    for episode in range(8):
        joints.put_episode(episode)
        motion = script.motion(episode)
        for time_s in np.arange(0.0, motion.duration_s, 0.05):
            joints.put(motion.at(float(time_s)), 0)
            source.grab(0)
        moved = source._cube.centre[:2] - np.array(script.cube(episode))  # type: ignore[attr-defined]
        assert np.linalg.norm(moved) > 0.05, f'the cube was not carried in episode {episode}'
        assert source._cube.centre[2] == pytest.approx(0.015)  # type: ignore[attr-defined]


def test_capture_thread_paces_rotates_and_reopens() -> None:
    class Flaky:
        rate_hz = 200.0
        paces_itself = False
        focal_px = 0.0
        warning = ''
        opened = 0

        def open(self) -> None:
            self.opened += 1

        def close(self) -> None:
            pass

        def grab(self, tick: int) -> Frame:
            if self.opened == 1 and tick > 3:
                raise CameraError('unplugged')
            return Frame(np.zeros((2, 4, 3), np.uint8), tick)

    frames: list[Frame] = []
    reports: list[str] = []
    source = Flaky()
    thread = CaptureThread(lambda: source, CaptureOptions(90), frames.append, reports.append)
    thread.open_within(0.0, lambda: False)
    thread.start()
    wait_until(lambda: source.opened == 2 and len(frames) > 10)
    thread.close()
    thread.close()
    assert frames[0].image.shape == (4, 2, 3)
    assert reports[0] == 'unplugged'
    assert re.fullmatch(r'the camera is back after \d+\.\d s', reports[1])
    assert len(reports) == 2


def test_parameters_are_checked_together() -> None:
    with pytest.raises(ConfigError) as caught:
        build(CameraConfig, {'source': 'file', 'rotation': 45, 'fourcc': 'MJ'})
    assert len(caught.value.problems) == 3
    with pytest.raises(ConfigError) as caught:
        build(CameraConfig, {'faults': '{}', 'fps': 1, 'stall_timeout_s': 1.5})
    assert caught.value.problems == (
        'faults: are for sources other than "device"',
        'stall_timeout_s: 1.5 s is shorter than 2 pictures at 1 fps',
    )
    for wrong in ({'latency_s': -0.1}, {'latency_s': 1.5}, {'wait_for_device_s': -1}):
        with pytest.raises(ConfigError):
            build(CameraConfig, wrong)


def test_missing_device_is_named() -> None:
    config = build(CameraConfig, {'device': '/dev/no_such_camera'})
    with pytest.raises(CameraError, match='/dev/no_such_camera'):
        make_source(config, JointCache(), lambda: 0).open()


def test_rest_pose_is_drawn_cheaply_enough_to_be_a_camera() -> None:
    joints = JointCache()
    joints.put(REST_RAD, 0)
    source = make_source(build(CameraConfig, {'source': 'scene'}), joints, lambda: 0)
    for tick in range(30):
        source.grab(tick)
