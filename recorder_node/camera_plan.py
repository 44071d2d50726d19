"""The camera nodes that a contract needs, checked against the cameras file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import yaml

from recorder_node.arguments import LaunchConfig
from recorder_node.config import RecorderConfig
from recorder_node.contract import Contract
from recorder_node.node_plan import NodePlan, Problems, absolute, values_of
from so101_driver.cameras.config import DEVICE, FILE, SCENE, SIMULATED, CameraConfig
from so101_driver.errors import ConfigError
from so101_driver.parameters import build

_IMAGE_TOPIC = '/cameras/{name}/image_raw'


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
    nodes = []
    for feature in contract.cameras:
        name = feature.name.rsplit('.', 1)[-1]
        if feature.sources[0].topic != _IMAGE_TOPIC.format(name=name):
            continue
        if name not in entries:
            problems.append(
                f'camera "{name}" of the contract is not in {path}; it has '
                f'{", ".join(entries) or "none"}'
            )
            continue
        values = {**entries[name], **settings}
        try:
            camera = build(CameraConfig, values)
        except ConfigError as error:
            problems += [f'camera "{name}" in {path}: {text}' for text in error.problems]
            continue
        problems += _camera_problems(name, feature.shape, camera, recorder)
        nodes.append(NodePlan('camera', values_of(camera, only=values), name, 'cameras'))
    return nodes


def _camera_source(launch: LaunchConfig, problems: Problems) -> dict[str, Any]:
    """Return the camera parameters that `camera_source` stands for."""
    source = launch.camera_source or (SCENE if launch.hardware == 'sim' else DEVICE)
    if source in (DEVICE, *SIMULATED):
        return {'source': source, **({'seed': launch.seed} if source == SCENE else {})}
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
    return {'source': FILE, 'file': file, **({'fps': float(rate)} if rate else {})}


def _camera_problems(
    name: str, shape: tuple[int, ...], camera: CameraConfig, recorder: RecorderConfig | None
) -> list[str]:
    found = []
    size = (camera.height, camera.width)
    if camera.rotation in (90, 270):
        size = size[::-1]
    if size != tuple(shape[:2]):
        found.append(
            f'camera "{name}" gives {size[1]}x{size[0]}, the contract says {shape[1]}x{shape[0]}'
        )
    if recorder is not None and recorder.fps > camera.fps:
        found.append(
            f'fps is {recorder.fps} but camera "{name}" runs at {camera.fps:g} Hz; set '
            f'fps:={int(camera.fps)} or less, or change the camera'
        )
    if (
        camera.source == DEVICE
        and camera.device.startswith('/')
        and (not Path(camera.device).exists())
    ):
        found.append(f'camera "{name}": {camera.device} does not exist; is it plugged in?')
    return found


def _load_cameras(path: Path) -> dict[str, dict[str, Any]]:
    try:
        document = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError([f'cameras_file {path}: {error}']) from error
    if not isinstance(document, dict) or not all(isinstance(v, dict) for v in document.values()):
        raise ConfigError([f'cameras_file {path}: must map camera names to their settings'])
    return {str(name): dict(values) for name, values in document.items()}
