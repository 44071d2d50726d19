"""find_cameras, with V4L2's answers replaced."""

from __future__ import annotations

import errno
import json
import struct
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from so101_driver.cameras import v4l2
from so101_driver.cameras.config import CameraConfig
from so101_driver.cameras.device import DeviceSource
from so101_driver.cameras.mode import Mode
from so101_driver.cameras.v4l2 import Camera, request_code
from so101_driver.common.errors import CameraError
from so101_driver.common.parameters import build
from so101_driver.tools import find_cameras as tool
from tests.unit.driver.camera_rig import HEIGHT, WIDTH, FakeDevice, gradient, jpeg

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='V4L2')

MJPG, YUYV = (int.from_bytes(name, 'little') for name in (b'MJPG', b'YUYV'))
CAPTURE, METADATA = 0x84A0_0001, 0x84A0_0000
# As linux/videodev2.h defines them.
QUERYCAP, ENUM_FMT, FRAMESIZES, FRAMEINTERVALS = 0x80685600, 0xC0405602, 0xC02C564A, 0xC034564B


class Bench:
    """Devices below a folder, each with its capabilities."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.able: dict[str, int] = {}
        for folder in ('dev/v4l/by-id', 'dev/v4l/by-path', 'sys/class/video4linux'):
            (root / folder).mkdir(parents=True)

    def add(self, number: int, able: int = 0x0420_0001, name: str = 'Cam', by_id: str = '') -> None:
        device = self.root / f'dev/video{number}'
        device.touch()
        self.able[device.name] = able
        (self.root / f'sys/class/video4linux/video{number}').mkdir()
        (self.root / f'sys/class/video4linux/video{number}/name').write_text(f'{name}\n')
        (self.root / f'dev/v4l/by-path/port{number}').symlink_to(device)
        if by_id:
            (self.root / f'dev/v4l/by-id/{by_id}').symlink_to(device)

    def ioctl(self, handle: int, request: int, data: bytearray) -> int:
        device = Path(f'/proc/self/fd/{handle}').resolve().name
        if request == QUERYCAP:
            words = (0, 0x8000_0000 | CAPTURE, self.able[device])
            struct.pack_into('16s32s32sIII', data, 0, b'uvcvideo', b'card', b'usb-1', *words)
            return 0
        index, pixels = struct.unpack_from('II', data)
        if request == ENUM_FMT and index < 2:
            struct.pack_into('I', data, 44, (MJPG, YUYV)[index])
        elif request == FRAMESIZES and pixels == MJPG and index < 2:
            struct.pack_into('III', data, 8, 1, *((1280, 720), (640, 480))[index])
        elif request == FRAMESIZES and pixels == YUYV and index == 0:
            struct.pack_into('7I', data, 8, 3, 160, 640, 1, 120, 480, 1)
        elif request == FRAMEINTERVALS and index < (2 if pixels == MJPG else 1):
            struct.pack_into('III', data, 16, 1, 1, (30, 15)[index])
        else:
            raise OSError(errno.EINVAL, 'Invalid argument')
        return 0

    def find(self) -> list[Camera]:
        return v4l2.find_cameras(self.ioctl, self.root)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_request_numbers() -> None:
    assert request_code(0, v4l2._CAPABILITY, writes=False) == QUERYCAP
    assert request_code(2, v4l2._FORMAT) == ENUM_FMT
    assert request_code(74, v4l2._FRAME_SIZE) == FRAMESIZES
    assert request_code(75, v4l2._FRAME_INTERVAL) == FRAMEINTERVALS


def test_capture_devices_with_their_modes(bench: Bench) -> None:
    bench.add(10, name='Ten', by_id='usb-Ten-index0')
    bench.add(2, name='Two', by_id='usb-Two-index0')
    bench.add(3, able=METADATA, name='Two')
    two, ten = bench.find()
    assert (two.name, two.bus, Path(two.link).name) == ('Two', 'usb-1', 'usb-Two-index0')
    assert Path(ten.device).name == 'video10'
    assert two.modes == (
        Mode(1280, 720, 30.0, 'MJPG'),
        Mode(1280, 720, 15.0, 'MJPG'),
        Mode(640, 480, 30.0, 'MJPG'),
        Mode(640, 480, 15.0, 'MJPG'),
        Mode(640, 480, 30.0, 'YUYV'),
    )


def test_twins_are_told_apart_by_their_ports(bench: Bench) -> None:
    bench.add(0, by_id='usb-Cam-index0')
    bench.add(2)
    assert [Path(camera.link).name for camera in bench.find()] == ['port0', 'port2']
    (bench.root / 'dev/v4l/by-id/usb-Cam_serial2').symlink_to(bench.root / 'dev/video2')
    assert [Path(c.link).name for c in bench.find()] == ['usb-Cam-index0', 'usb-Cam_serial2']


def test_a_device_without_permission(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.add(0)

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, 'Permission denied')

    monkeypatch.setattr('os.open', refuse)
    (camera,) = bench.find()
    assert 'group video' in camera.problem


def test_the_mode_to_recommend() -> None:
    modes = (
        Mode(640, 480, 30.0, 'YUYV'),
        Mode(640, 480, 30.0, 'MJPG'),
        Mode(640, 480, 60.0, 'MJPG'),
        Mode(1280, 720, 30.0, 'MJPG'),
    )
    assert tool.best_mode(modes) == modes[1]
    assert tool.best_mode(modes[3:]) == modes[3]
    assert tool.best_mode(()).width == 640


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    device = FakeDevice(tmp_path)
    mode = Mode(WIDTH, HEIGHT, 30.0, 'MJPG')
    camera = Camera(str(device.path), str(device.path), 'My: Cam', 'usb-1', (mode,))
    monkeypatch.setattr(tool, 'find_cameras', lambda: [camera])
    monkeypatch.setattr(
        tool, 'DeviceSource', lambda *args: DeviceSource(*args, make_capture=device.make)
    )
    return device


def test_a_snapshot_and_a_line_for_the_cameras_file(
    plugged: FakeDevice, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main(['--snapshots', str(tmp_path / 'shots'), '--json']) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    shot = tmp_path / 'shots' / 'video0_My_Cam.jpg'
    assert entry['snapshot'] == str(shot)
    assert shot.read_bytes() == jpeg()
    picture = cv2.imdecode(np.frombuffer(shot.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == gradient().shape
    assert plugged.grabs > 1, 'the first pictures are too dark'
    assert plugged.captures[0].released
    entries: dict[str, dict[str, Any]] = yaml.safe_load(entry['cameras_yaml'])
    assert entries['camera0']['device'] == str(plugged.path)
    config = build(CameraConfig, entries['camera0'])
    assert (config.fourcc, config.width, config.fps) == ('MJPG', WIDTH, 30.0)


def test_the_list_for_people(plugged: FakeDevice, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main([]) == 0
    out = capsys.readouterr().out
    assert f'{plugged.path}: My: Cam usb-1' in out
    assert '  MJPG 64x48 at 30 fps' in out
    assert '  for cameras.yaml: camera0: {device: ' in out
    assert not plugged.captures, 'listing takes no camera away from whoever uses it'


def test_a_busy_camera_is_named(
    plugged: FakeDevice, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugged.is_busy = True
    assert tool.main(['--snapshots', str(tmp_path)]) == 1
    assert 'another program uses it' in capsys.readouterr().out


def test_a_camera_without_pictures_is_named(
    plugged: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, '_SNAPSHOT_S', 0.1)
    plugged.stalled.set()
    camera = Camera(str(plugged.path), str(plugged.path), '')
    with pytest.raises(CameraError, match='gives no picture'):
        tool.snapshot(camera, Mode(WIDTH, HEIGHT, 30.0, 'MJPG'))


def test_no_camera(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(tool, 'find_cameras', list)
    assert tool.main([]) == 1
    assert 'no camera: is one plugged in?' in capsys.readouterr().err
