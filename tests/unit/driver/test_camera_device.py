"""A device's pictures, stamps and modes, with OpenCV's capture replaced."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from so101_driver.cameras.frame import BGR, DRIVER, GRAB, JPEG, YUYV, DamagedError, Frame
from so101_driver.cameras.jpeg import whole_file
from so101_driver.cameras.mode import Mode
from so101_driver.cameras.source import MissingError
from so101_driver.cameras.stamps import DriverStamps
from so101_driver.common.errors import CameraError
from tests.unit.driver.camera_rig import (
    HEIGHT,
    MODE,
    WIDTH,
    FakeDevice,
    gradient,
    jpeg,
    ros_ns,
    source,
    yuyv,
)

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='V4L2')

MS = 1_000_000


@pytest.fixture
def device(tmp_path: Path) -> FakeDevice:
    return FakeDevice(tmp_path)


def grab(device: FakeDevice, mode: Mode = MODE, exact: bool = True) -> Frame:
    opened = source(device, mode, exact)
    opened.open()
    frame = opened.grab(0)
    opened.close()
    assert frame is not None
    return frame


def test_a_jpeg_of_the_camera_is_passed_on_byte_by_byte(device: FakeDevice) -> None:
    sent = jpeg()
    for padding in (b'', bytes(500), b'\x00\xff\xd9 what was there before \xff\xd9'):
        device.serve = lambda padding=padding: np.frombuffer(sent + padding, np.uint8)[None]
        frame = grab(device)
        assert frame.coding == JPEG
        assert frame.jpeg(50) == sent
        assert np.abs(frame.image.astype(int) - gradient()).max() < 40
    assert device.captures[0].asked[cv2.CAP_PROP_CONVERT_RGB] == 0
    assert 1 < device.captures[0].asked[cv2.CAP_PROP_BUFFERSIZE] < 4


def test_a_preview_inside_does_not_end_a_jpeg() -> None:
    sent = jpeg()
    preview = jpeg(9)
    header = b'\xff\xe1' + (2 + len(preview)).to_bytes(2, 'big') + preview
    file = whole_file(sent[:2] + header + sent[2:] + bytes(9))
    assert file is not None
    assert (file.data, file.width, file.height) == (
        sent[:2] + header + sent[2:],
        WIDTH,
        HEIGHT,
    )


def other_size() -> bytes:
    return bytes(cv2.imencode('.jpg', np.zeros((HEIGHT, 32, 3), np.uint8))[1].tobytes())


@pytest.mark.parametrize(
    'data',
    [b'', b'\xff\xd8', jpeg()[:-2], jpeg()[2:], jpeg()[:300], bytes(900), other_size()],
)
def test_a_damaged_jpeg_is_no_picture(device: FakeDevice, data: bytes) -> None:
    device.serve = lambda: np.frombuffer(data, np.uint8)[None]
    with pytest.raises(DamagedError):
        grab(device)


def test_a_jpeg_that_does_not_decode_is_damaged(device: FakeDevice) -> None:
    sent = bytearray(jpeg())
    place = sent.index(b'\xff\xc4')  # the code table; the outline stays whole
    sent[place + 5 : place + 21] = bytes([255] * 16)
    device.serve = lambda: np.frombuffer(bytes(sent), np.uint8)[None]
    frame = grab(device)
    with pytest.raises(DamagedError):
        _ = frame.image


@pytest.mark.parametrize('layout', ['rows', 'one row', 'padded'])
def test_yuyv_in_any_layout_of_opencv(device: FakeDevice, layout: str) -> None:
    sent = yuyv()
    padded = np.pad(sent.reshape(HEIGHT, -1), ((0, 0), (0, 32)))
    shown = {'rows': sent, 'one row': sent.reshape(1, -1), 'padded': padded.reshape(1, -1)}
    device.serve = lambda: shown[layout]
    frame = grab(device, MODE._replace(fourcc='YUYV'))
    assert frame.coding == YUYV
    assert frame.image.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(frame.image.astype(int) - gradient()).mean() < 12
    decoded = cv2.imdecode(np.frombuffer(frame.jpeg(95), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded[..., ::-1].astype(int) - frame.image).mean() < 12
    device.serve = lambda: shown[layout].reshape(1, -1)[:, :-100]
    with pytest.raises(DamagedError):
        grab(device, MODE._replace(fourcc='YUYV'))


def test_other_formats_are_left_to_opencv(device: FakeDevice) -> None:
    device.serve = lambda: gradient()[..., ::-1]
    frame = grab(device, MODE._replace(fourcc='NV12'))
    assert frame.coding == BGR
    assert device.captures[0].asked[cv2.CAP_PROP_CONVERT_RGB] == 1
    np.testing.assert_array_equal(frame.image, gradient())


@pytest.mark.parametrize('coding', [JPEG, YUYV, BGR])
@pytest.mark.parametrize('turn', [90, 180, 270])
def test_every_format_is_turned(coding: str, turn: int) -> None:
    data = {
        JPEG: np.frombuffer(jpeg(), np.uint8),
        YUYV: yuyv(),
        BGR: np.ascontiguousarray(gradient()[..., ::-1]),
    }[coding]
    straight = Frame(data, 0, coding, size=(WIDTH, HEIGHT))
    turned = straight.adjusted(turn, 0)
    np.testing.assert_array_equal(turned.image, np.rot90(straight.image, -turn // 90))
    assert turned.image.flags.c_contiguous
    assert turned.size == turned.image.shape[1::-1]
    again = cv2.imdecode(np.frombuffer(turned.jpeg(95), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(again[..., ::-1].astype(int) - turned.image).mean() < 12


def test_stamps_of_the_driver_are_moved_to_ros_time(device: FakeDevice) -> None:
    opened = source(device)
    opened.open()
    stamps = []
    for _ in range(5):
        frame = opened.grab(0)
        assert frame is not None
        assert frame.stamp_source == DRIVER
        age_ns = ros_ns() - frame.stamp_ns
        assert 20 * MS <= age_ns < 1000 * MS, 'the picture was taken 20 ms before it was grabbed'
        stamps.append(frame.stamp_ns)
    assert sorted(set(stamps)) == stamps


@pytest.mark.parametrize('driver_ms', [0.0, -1.0, 1e15, 5.0])
def test_stamps_that_cannot_be_are_not_used(device: FakeDevice, driver_ms: float) -> None:
    device.stamp_ms = lambda _: driver_ms
    before_ns = ros_ns()
    frame = grab(device)
    assert frame.stamp_source == GRAB
    assert before_ns <= frame.stamp_ns <= ros_ns()


def test_a_stamp_that_stands_still_or_jumps_is_replaced() -> None:
    stamps = DriverStamps()
    seen = [
        stamps.moved(driver_ms, now_ms * MS, (now_ms + 7000) * MS)
        for driver_ms, now_ms in [
            (980.0, 1000), (1010.0, 1030), (1010.0, 1060), (9000.0, 1090), (1110.5, 1120),
        ]
    ]  # fmt: skip
    assert seen == [
        (7980 * MS, DRIVER),
        (8010 * MS, DRIVER),
        (8060 * MS, GRAB),
        (8090 * MS, GRAB),
        (8110 * MS + MS // 2, DRIVER),
    ]


@pytest.mark.parametrize(
    ('key', 'value', 'got'),
    [
        (cv2.CAP_PROP_FRAME_WIDTH, 320, '320x48 100 fps MJPG'),
        (cv2.CAP_PROP_FRAME_HEIGHT, 240, '64x240 100 fps MJPG'),
        (cv2.CAP_PROP_FPS, 15, '64x48 15 fps MJPG'),
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*'YUYV'), '64x48 100 fps YUYV'),
    ],
)
def test_another_mode_is_refused_or_accepted(
    device: FakeDevice, key: int, value: float, got: str
) -> None:
    device.gives[key] = value
    with pytest.raises(CameraError) as caught:
        source(device).open()
    text = f'{device.path}: asked for 64x48 100 fps MJPG, got {got}'
    assert text in str(caught.value)
    assert 'exact_mode:=false' in str(caught.value)
    assert not isinstance(caught.value, MissingError)
    assert device.captures[-1].released
    lenient = source(device, exact=False)
    lenient.open()
    assert text in lenient.warning
    assert lenient.rate_hz == (15 if key == cv2.CAP_PROP_FPS else 100)


def test_what_a_driver_does_not_tell_is_not_compared(device: FakeDevice) -> None:
    device.gives |= {cv2.CAP_PROP_FPS: -1.0, cv2.CAP_PROP_FOURCC: 0}
    opened = source(device)
    opened.open()
    assert opened.warning == ''
    assert opened.rate_hz == MODE.fps


def test_why_a_device_cannot_be_opened(device: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    device.is_busy = True
    with pytest.raises(MissingError, match='another program uses it'):
        source(device).open()
    assert device.captures[-1].released
    monkeypatch.setattr('os.access', lambda *_: False)
    with pytest.raises(MissingError, match='group video'):
        source(device).open()
    device.unplug()
    with pytest.raises(MissingError, match='no such device; is it plugged in'):
        source(device).open()
    assert len(device.captures) == 1


def test_a_link_is_followed_anew(device: FakeDevice, tmp_path: Path) -> None:
    link = tmp_path / 'by-id'
    link.symlink_to(device.path)
    device.path = link
    opened = source(device)
    opened.open()
    link.unlink()
    link.symlink_to(tmp_path / 'video7')
    with pytest.raises(MissingError):
        opened.open()
    (tmp_path / 'video7').touch()
    opened.open()


def test_a_grab_that_waited_in_vain_is_no_failure(device: FakeDevice) -> None:
    opened = source(device)
    opened.open()
    device.stalled.set()
    assert opened.grab(0) is None
    device.stalled.clear()
    device.unplug()
    with pytest.raises(CameraError, match='unplugged'):
        opened.grab(0)
