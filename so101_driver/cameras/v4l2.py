"""What Linux knows of cameras: names, stable links and modes, asked of V4L2 directly."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from so101_driver.cameras.mode import Mode, fourcc_text

# Requests of linux/videodev2.h, each with the layout of its structure.
_CAPABILITY = struct.Struct('16s32s32sIII12x')
_FORMAT = struct.Struct('III32sII12x')
_FRAME_SIZE = struct.Struct('III24s8x')
_FRAME_INTERVAL = struct.Struct('IIIII24s8x')
_BUFFER_TYPE = 1  # single-planar video capture
_DISCRETE = 1
_CAN_CAPTURE, _CAN_STREAM, _HAS_DEVICE_CAPS = 0x1, 0x0400_0000, 0x8000_0000
_USUAL_SIZES = ((640, 480), (1280, 720), (1920, 1080))  # asked of cameras that take any
_MOST = 256  # entries of a list, should a driver never end it

Ioctl = Callable[[int, int, bytearray], object]


class Camera(NamedTuple):
    """One device that pictures can be captured from.

    Attributes:
        device: /dev/videoN, which may be another after a reboot.
        link: A path that stays; the device itself where there is none.
        name: What it calls itself.
        bus: Where it is plugged in.
        modes: What it offers; empty when it could not be asked.
        problem: Why it cannot be used, with the cure; '' when it can.
    """

    device: str
    link: str
    name: str
    bus: str = ''
    modes: tuple[Mode, ...] = ()
    problem: str = ''


def find_cameras(ioctl: Ioctl | None = None, root: Path = Path('/')) -> list[Camera]:
    """Return every capture device, by number.

    Args:
        ioctl: Asks a device; the system's by default.
        root: Of the file system.
    """
    ask = ioctl or _system_ioctl()
    devices = sorted(
        (root / 'dev').glob('video[0-9]*'), key=lambda path: int(path.name.removeprefix('video'))
    )
    found = [camera for device in devices if (camera := _camera(device, root, ask))]
    return [camera._replace(link=_stable_link(camera, found, root)) for camera in found]


def request_code(number: int, layout: struct.Struct, writes: bool = True) -> int:
    """Return the ioctl number of a V4L2 request that reads, and writes, a structure."""
    return (
        (0x8000_0000 | (0x4000_0000 if writes else 0)) | layout.size << 16 | ord('V') << 8 | number
    )


def _camera(device: Path, root: Path, ioctl: Ioctl) -> Camera | None:
    """Ask one device; None when it captures no pictures (a camera's metadata, a codec)."""
    name_file = root / 'sys/class/video4linux' / device.name / 'name'
    name = ''
    with contextlib.suppress(OSError):
        name = name_file.read_text(encoding='utf-8', errors='replace').strip()
    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except PermissionError:
        cure = (
            'permission denied; add yourself to the group video '
            '(sudo usermod -aG video $USER) and log in again'
        )
        return Camera(str(device), str(device), name, problem=cure)
    except OSError as error:
        return Camera(str(device), str(device), name, problem=error.strerror or str(error))
    try:
        answer = bytearray(_CAPABILITY.size)
        ioctl(handle, request_code(0, _CAPABILITY, writes=False), answer)
        _, card, bus, _, capabilities, of_device = _CAPABILITY.unpack(answer)
        able = of_device if capabilities & _HAS_DEVICE_CAPS else capabilities
        if not able & _CAN_CAPTURE or not able & _CAN_STREAM:
            return None
        modes = tuple(dict.fromkeys(_modes(handle, ioctl)))
        return Camera(str(device), str(device), name or _text(card), _text(bus), modes)
    except OSError as error:
        return Camera(str(device), str(device), name, problem=error.strerror or str(error))
    finally:
        os.close(handle)


def _modes(handle: int, ioctl: Ioctl) -> Iterator[Mode]:
    for answer in _list(handle, ioctl, 2, _FORMAT, lambda i: (i, _BUFFER_TYPE, 0, b'', 0, 0)):
        pixels = answer[4]
        for width, height in _sizes(handle, ioctl, pixels):
            rates = list(_rates(handle, ioctl, pixels, width, height)) or [0.0]
            for rate in rates:
                yield Mode(width, height, rate, fourcc_text(pixels))


def _sizes(handle: int, ioctl: Ioctl, pixels: int) -> Iterator[tuple[int, int]]:
    for answer in _list(handle, ioctl, 74, _FRAME_SIZE, lambda i: (i, pixels, 0, b'')):
        if answer[2] == _DISCRETE:
            yield struct.unpack_from('II', answer[3])
            continue
        least_x, most_x, _, least_y, most_y, _ = struct.unpack('6I', answer[3])
        for width, height in _USUAL_SIZES:
            if least_x <= width <= most_x and least_y <= height <= most_y:
                yield width, height
        return


def _rates(handle: int, ioctl: Ioctl, pixels: int, width: int, height: int) -> Iterator[float]:
    for answer in _list(
        handle, ioctl, 75, _FRAME_INTERVAL, lambda i: (i, pixels, width, height, 0, b'')
    ):
        numerator, denominator = struct.unpack_from('II', answer[5])
        if numerator:
            yield round(denominator / numerator, 3)
        if answer[4] != _DISCRETE:
            return


def _list(
    handle: int,
    ioctl: Ioctl,
    number: int,
    layout: struct.Struct,
    question: Callable[[int], tuple[object, ...]],
) -> Iterator[tuple[Any, ...]]:
    """Yield the entries of a list that a device enumerates until it refuses an index."""
    for index in range(_MOST):
        answer = bytearray(layout.pack(*question(index)))
        try:
            ioctl(handle, request_code(number, layout), answer)
        except OSError:
            return
        yield layout.unpack(answer)


def _stable_link(camera: Camera, cameras: list[Camera], root: Path) -> str:
    """Return the link that will still mean this camera tomorrow.

    Two of a kind without serial numbers share one link by id; only the USB port tells them apart.
    """
    by_id = _links(root / 'dev/v4l/by-id')
    by_path = _links(root / 'dev/v4l/by-path')
    twins = [other for other in cameras if other.name == camera.name]
    folders = (by_id, by_path) if all(twin.device in by_id for twin in twins) else (by_path, by_id)
    for links in folders:
        if camera.device in links:
            return links[camera.device]
    return camera.device


def _links(folder: Path) -> dict[str, str]:
    """Return the first link in a folder to each device."""
    links: dict[str, str] = {}
    for link in sorted(folder.glob('*')) if folder.is_dir() else ():
        links.setdefault(str(link.resolve()), str(link))
    return links


def _text(raw: bytes) -> str:
    return raw.split(b'\0')[0].decode(errors='replace')


def _system_ioctl() -> Ioctl:
    import fcntl  # not on every system

    return fcntl.ioctl
