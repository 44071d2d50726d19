"""The camera nodes that a contract needs, checked against the cameras file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import yaml

from recorder_node.bringup.arguments import LaunchConfig
from recorder_node.bringup.node_plan import NodePlan, Problems, absolute, values_of
from recorder_node.contract.contract import Contract
from recorder_node.session.config import RecorderConfig
from so101_driver.cameras import faults, intrinsics
from so101_driver.cameras.config import DEVICE, FILE, SCENE, SIMULATED, CameraConfig
from so101_driver.common.errors import ConfigError
from so101_driver.common.parameters import build

_IMAGE_TOPIC = '/cameras/{name}/image_raw'
_JPEG_TOPIC = f'{_IMAGE_TOPIC}/compressed'


def camera_nodes(
    launch: LaunchConfig,
    share: Path,
    contract: Contract,
    recorder: RecorderConfig | None,
    problems: Problems,
) -> list[NodePlan]:
    """Return a camera node for every picture topic of the contract that is ours.

    Args:
        launch: where the cameras are described and what they show.
        share: the package's share folder.
        contract: names their topics and sizes.
        recorder: gives the fps, if there is one.
        problems: grows.
    """
    path = (
        Path(launch.cameras_file).expanduser()
        if launch.cameras_file
        else (share / 'config' / 'cameras.yaml')
    )
    entries = problems.of(lambda: _load_cameras(path)) or {}
    settings = _camera_source(launch, problems)
    nodes: list[NodePlan] = []
    users: dict[str, str] = {}
    for feature in contract.cameras:
        name = feature.name.rsplit('.', 1)[-1]
        topic = feature.sources[0].topic
        if topic not in (_IMAGE_TOPIC.format(name=name), _JPEG_TOPIC.format(name=name)):
            continue
        if name not in entries:
            problems.append(
                f'camera "{name}" of the contract is not in {path}; it has '
                f'{", ".join(entries) or "none"}'
            )
            continue
        values = _with_absolute_calibration({**entries[name], **settings}, path.parent)
        if topic == _JPEG_TOPIC.format(name=name):
            values['compressed'] = True
        try:
            camera = build(CameraConfig, values)
        except ConfigError as error:
            problems += [f'camera "{name}" in {path}: {text}' for text in error.problems]
            continue
        problems += _camera_problems(name, feature.shape, camera, recorder)
        if camera.source == DEVICE:
            problems += _shared_device(name, camera.device, users)
        nodes.append(NodePlan('camera', values_of(camera, only=values), name, 'cameras'))
    return nodes


def _camera_source(launch: LaunchConfig, problems: Problems) -> dict[str, Any]:
    """Return the camera parameters that `camera_source` stands for."""
    source = launch.camera_source or (SCENE if launch.hardware == 'sim' else DEVICE)
    if source == DEVICE:
        return {'source': source}
    ordered = problems.of(lambda: faults.parse(launch.sim_faults))
    common = {'faults': launch.sim_faults} if ordered else {}
    if source in SIMULATED:
        seed = {'seed': launch.seed} if source == SCENE else {}
        return {'source': source, **seed, **common}
    file = absolute(source)
    if not Path(file).is_file():
        problems.append(
            f'camera_source {source}: no such file, and not one of '
            f'{", ".join((DEVICE, *SIMULATED))}'
        )
        return {'source': FILE, 'file': file}
    try:
        with av.open(file) as container:
            rate = container.streams.video[0].average_rate
    except (av.FFmpegError, IndexError) as error:
        problems.append(f'camera_source {source} is not a video: {error}')
        rate = None
    return {'source': FILE, 'file': file, **common, **({'fps': float(rate)} if rate else {})}


def _with_absolute_calibration(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Let the path of a calibration file be relative to the cameras file."""
    url = str(values.get('camera_info_url', ''))
    if url and '://' not in url:
        values['camera_info_url'] = str(folder.absolute() / Path(url).expanduser())
    return values


def _shared_device(name: str, device: str, users: dict[str, str]) -> list[str]:
    """Refuse a device that another camera uses, under whatever name."""
    real = str(Path(f'/dev/video{device}' if device.isdigit() else device).resolve())
    other = users.setdefault(real, name)
    return [] if other == name else [f'cameras "{other}" and "{name}" are both {real}']


def _camera_problems(
    name: str, shape: tuple[int, ...], camera: CameraConfig, recorder: RecorderConfig | None
) -> list[str]:
    found = []
    width, height = camera.published_size
    if (height, width) != tuple(shape[:2]):
        found.append(
            f'camera "{name}" gives {width}x{height}, the contract says {shape[1]}x{shape[0]}'
        )
    if recorder is not None and recorder.fps > camera.fps:
        found.append(
            f'fps is {recorder.fps} but camera "{name}" runs at {camera.fps:g} Hz; set '
            f'fps:={int(camera.fps)} or less, or change the camera'
        )
    if (
        camera.source == DEVICE
        and camera.device.startswith('/')
        and not camera.wait_for_device_s
        and not Path(camera.device).exists()
    ):
        found.append(f'camera "{name}": {camera.device} does not exist; is it plugged in?')
    url = camera.camera_info_url
    if url and not url.startswith('package://'):  # which only the node can resolve
        try:
            intrinsics.read(intrinsics.local_path(url, str), camera.published_size)
        except ConfigError as error:
            found += [f'camera "{name}": {text}' for text in error.problems]
    return found


def _load_cameras(path: Path) -> dict[str, dict[str, Any]]:
    try:
        document = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError([f'cameras_file {path}: {error}']) from error
    if not isinstance(document, dict) or not all(isinstance(v, dict) for v in document.values()):
        raise ConfigError([f'cameras_file {path}: must map camera names to their settings'])
    return {str(name): dict(values) for name, values in document.items()}
