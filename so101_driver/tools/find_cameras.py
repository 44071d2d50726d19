"""`ros2 run recorder find_cameras`: which cameras there are, what they see and how to name them."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path

from so101_driver.cameras.device import DeviceSource
from so101_driver.cameras.frame import DamagedError, Frame
from so101_driver.cameras.mode import Mode
from so101_driver.cameras.v4l2 import Camera, find_cameras
from so101_driver.common.errors import CameraError, ConfigError
from so101_driver.tools.command import Command, without_ros

_WANTED_SIZE = (640, 480)
_WANTED_HZ = 30.0
_PREFERRED = ('MJPG', 'YUYV')  # MJPG lets several cameras share a USB hub
_JPEG_QUALITY = 95
_WARM_UP_PICTURES = 10  # until the exposure has settled
_SNAPSHOT_S = 5.0
_MOST_INDICES = 6  # tried where cameras cannot be listed


def main(args: list[str] | None = None) -> int:
    """List cameras; return the exit code."""
    options = _parser().parse_args(without_ros(args))
    return Command().run(lambda: _find(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='find_cameras',
        description='List the cameras, their modes, and a line for cameras.yaml for each.',
    )
    parser.add_argument('--snapshots', metavar='DIR', help='write a picture of each camera there')
    parser.add_argument('--json', action='store_true', help='print one JSON list')
    return parser


def _find(options: argparse.Namespace) -> int:
    cameras = find_cameras() if sys.platform == 'linux' else _probe()
    if not cameras:
        raise ConfigError(
            ['no camera: is one plugged in? `dmesg | tail` tells what the kernel sees']
        )
    folder = Path(options.snapshots).expanduser() if options.snapshots else None
    entries = [_entry(number, camera, folder) for number, camera in enumerate(cameras)]
    if options.json:
        print(json.dumps(entries, indent=2))
    else:
        for entry in entries:
            print('\n'.join(_lines(entry)))
    return 0 if any(not entry['problem'] for entry in entries) else 1


def _entry(number: int, camera: Camera, folder: Path | None) -> dict[str, object]:
    """Return what is to be said of a camera."""
    mode = best_mode(camera.modes)
    picture, problem = '', camera.problem
    if folder is not None and not problem:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f'{_file_name(camera)}.jpg'
        try:
            file.write_bytes(snapshot(camera, mode).jpeg(_JPEG_QUALITY))
            picture = str(file)
        except CameraError as error:
            problem = str(error)
    return {
        'device': camera.device,
        'link': camera.link,
        'name': camera.name,
        'bus': camera.bus,
        'modes': [mode._asdict() for mode in camera.modes],
        'cameras_yaml': yaml_line(f'camera{number}', camera, mode),
        'snapshot': picture,
        'problem': problem,
    }


def _lines(entry: dict[str, object]) -> list[str]:
    lines = [f'{entry["device"]}: {entry["name"]} {entry["bus"]}'.rstrip()]
    if entry['link'] != entry['device']:
        lines.append(f'  always: {entry["link"]}')
    lines += [f'  {text}' for text in _mode_lines(entry['modes'])]  # type: ignore[arg-type]
    if entry['snapshot']:
        lines.append(f'  picture: {entry["snapshot"]}')
    if entry['problem']:
        lines.append(f'  problem: {entry["problem"]}')
    else:
        lines.append(f'  for cameras.yaml: {entry["cameras_yaml"]}')
    return lines


def _mode_lines(modes: list[dict[str, object]]) -> list[str]:
    """Return one line for each pixel format and size."""
    rates: dict[str, list[str]] = {}
    for mode in modes:
        rates.setdefault(f'{mode["fourcc"]} {mode["width"]}x{mode["height"]}', []).append(
            f'{mode["fps"]:g}'
        )
    return [f'{key} at {", ".join(values)} fps' for key, values in rates.items()]


def best_mode(modes: tuple[Mode, ...]) -> Mode:
    """Return the mode to recommend: 640x480 at 30 fps as MJPG, or what comes nearest."""
    if not modes:
        return Mode(*_WANTED_SIZE, _WANTED_HZ, '')

    def distance(mode: Mode) -> tuple[float, ...]:
        known = mode.fourcc in _PREFERRED
        return (
            abs(mode.width - _WANTED_SIZE[0]) + abs(mode.height - _WANTED_SIZE[1]),
            abs(mode.fps - _WANTED_HZ),
            _PREFERRED.index(mode.fourcc) if known else len(_PREFERRED),
        )

    return min(modes, key=distance)


def yaml_line(key: str, camera: Camera, mode: Mode) -> str:
    """Return a camera's line for the cameras file."""
    fourcc = f', fourcc: {mode.fourcc}' if mode.fourcc in _PREFERRED else ''
    rate = mode.fps or _WANTED_HZ
    return (
        f'{key}: {{device: {json.dumps(camera.link)}{fourcc}, width: {mode.width}, '
        f'height: {mode.height}, fps: {rate:g}}}'
    )


def snapshot(camera: Camera, mode: Mode) -> Frame:
    """Return a picture of a camera, once its exposure has settled.

    Raises:
        CameraError: when it gives none.
    """
    source = DeviceSource(camera.link, mode, False, time.time_ns)
    deadline_s = time.monotonic() + _SNAPSHOT_S
    frame: Frame | None = None
    try:
        source.open()
        taken = 0
        while taken < _WARM_UP_PICTURES and time.monotonic() < deadline_s:
            try:
                grabbed = source.grab(0)
            except DamagedError:
                continue
            if grabbed is not None:
                frame, taken = grabbed, taken + 1
    finally:
        source.close()
    if frame is None:
        raise CameraError(f'{camera.device}: opens, but gives no picture within {_SNAPSHOT_S:g} s')
    return frame


def _probe() -> list[Camera]:
    """Find cameras by opening one index after the other."""
    found = []
    for index in range(_MOST_INDICES):
        camera = Camera(str(index), str(index), f'camera {index}')
        source = DeviceSource(str(index), best_mode(()), False, time.time_ns)
        try:
            source.open()
        except CameraError:
            continue
        finally:
            source.close()
        found.append(camera)
    return found


def _file_name(camera: Camera) -> str:
    return re.sub(r'[^A-Za-z0-9]+', '_', f'{Path(camera.device).name}_{camera.name}').strip('_')


if __name__ == '__main__':
    sys.exit(main())
