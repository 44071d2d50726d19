"""Everything is checked here before the first node starts; every problem is listed at once.

`plan` turns the launch arguments into the nodes to start. It writes nothing.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import av
import yaml

from recorder_node import contract_file
from recorder_node.arguments import (
    FOLLOWER_ARGUMENTS,
    LaunchConfig,
    table_of_arguments,
    unknown_arguments,
)
from recorder_node.codec_choice import check_depth, choose_for
from recorder_node.config import RecorderConfig
from recorder_node.contract import Contract
from recorder_node.dataset import layout
from recorder_node.dataset.writer import describe, resume_problems
from recorder_node.messages import load_units
from so101_driver import calibration
from so101_driver.arm_config import FollowerConfig, LeaderConfig
from so101_driver.cameras.config import DEVICE, FILE, SCENE, SIMULATED, CameraConfig
from so101_driver.errors import CalibrationError, ConfigError
from so101_driver.parameters import TRUE_WORDS, build, table
from so101_driver.simulator.motion_file import load_motions

T = TypeVar('T')
_SIM_PORT_WAIT_S = 30.0
_IMAGE_TOPIC = '/cameras/{name}/image_raw'


class NodePlan(NamedTuple):
    """One node to start; the session fails when a needed node ends."""

    executable: str
    parameters: dict[str, Any]
    name: str
    namespace: str = ''
    needed: bool = True


class _Problems(list[str]):
    """Collects the problems of steps that would raise."""

    def of(self, step: Callable[[], T]) -> T | None:
        try:
            return step()
        except ConfigError as error:
            self.extend(error.problems)
        except CalibrationError as error:
            self.append(str(error))
        return None


def plan(given: Mapping[str, str], share: Path, top_level: bool = True) -> list[NodePlan]:
    """Check launch arguments and return the nodes to start.

    Args:
        given: the arguments as text, defaults included.
        share: the package's share folder with config/.
        top_level: refuse unknown arguments; they may belong to others when included.

    Raises:
        ConfigError: with every problem.
    """
    problems = _Problems(unknown_arguments(given) if top_level else [])
    known = {name: text for name, text in given.items() if name in table_of_arguments()}

    def config_of(config: type[T], **fixed: Any) -> T | None:
        values = {name: known[name] for name in table(config) if name in known}
        return problems.of(lambda: build(config, {**values, **fixed}))

    launch = config_of(LaunchConfig)
    if launch is None:
        raise ConfigError(problems)
    sim = launch.hardware == 'sim'
    nodes = _arm_nodes(launch, share, config_of, problems)
    contract_path = (
        Path(launch.contract).expanduser().absolute()
        if launch.contract
        else (share / 'config' / 'so101.yaml')
    )
    contract = problems.of(lambda: contract_file.load(contract_path))
    recorder = None
    if launch.record:
        recorder = config_of(
            RecorderConfig,
            contract=str(contract_path),
            calibration=nodes[0].parameters['calibration'],
        )
        problems.extend(_root_problems(known))
    names = None if recorder is None else recorder.camera_names
    if contract is not None and names is not None:
        checked = contract
        contract = problems.of(lambda: checked.with_cameras(names))
    if contract is not None:
        nodes += _camera_nodes(launch, share, contract, recorder, problems)
    if recorder is not None:
        if contract is not None:
            _check_recording(contract, recorder, problems)
        nodes.append(NodePlan('recorder', _values(recorder), 'recorder'))
    if sim:
        _check_motion(launch, nodes[0], problems)
    if launch.console and recorder is not None and not problems:
        nodes.append(NodePlan('console', {}, 'console', needed=False))
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return nodes


def _arm_nodes(
    launch: LaunchConfig, share: Path, config_of: Callable[..., Any], problems: _Problems
) -> list[NodePlan]:
    """Return follower and leader, and the simulator behind them."""
    sim = launch.hardware == 'sim'
    # One simulated bench per launch: two sessions on one machine do not meet.
    bench = Path(tempfile.gettempdir()) / f'so101_sim_{os.getpid()}'
    nodes = []
    for role, config, port, arm_id, file in (
        (
            'follower',
            FollowerConfig,
            launch.follower_port,
            launch.follower_id,
            launch.follower_calibration,
        ),
        ('leader', LeaderConfig, launch.leader_port, launch.leader_id, launch.leader_calibration),
    ):
        if sim:
            port = port or str(bench / role)
            file = file or str(share / 'config' / 'sim' / f'{role}.json')
        problems += _port_problems(role, port, arm_id, file, sim)
        checked = None
        if arm_id or file:
            checked = problems.of(partial(calibration.find, role, arm_id, file))
        # The unit of max_relative_target is that of the dataset.
        fixed = dict.fromkeys(('id', 'calibration'), '')
        fixed.update(port=port or '-', id=arm_id, calibration=checked.source if checked else file)
        if not (arm_id or file):
            fixed['id'] = '-'
        filled = config_of(config, **fixed, port_wait_s=_SIM_PORT_WAIT_S if sim else 0.0)
        parameters = {
            'port': port,
            'id': arm_id,
            'calibration': fixed['calibration'],
            'port_wait_s': _SIM_PORT_WAIT_S if sim else 0.0,
            'write_calibration': launch.write_calibration,
            'disable_torque_on_disconnect': launch.disable_torque_on_disconnect,
        }
        if role == 'follower' and filled is not None:
            parameters.update({name: getattr(filled, name) for name in FOLLOWER_ARGUMENTS})
            parameters['units'] = filled.units
        nodes.append(NodePlan(role, parameters, role))
    if sim:
        ports = {
            f'{n.name}_{key}': n.parameters[key] for n in nodes for key in ('port', 'calibration')
        }
        nodes.append(
            NodePlan(
                'simulator',
                {
                    **ports,
                    'seed': launch.seed,
                    'motion_file': _absolute(launch.leader_motion),
                    'motion_units': launch.leader_motion_units,
                    'episode_motion': launch.record,
                    # Teaching begins with the arm where the operator's hand is.
                    'follower_pose': 'start',
                },
                'simulator',
            )
        )
    return nodes


def _port_problems(role: str, port: str, arm_id: str, file: str, sim: bool) -> list[str]:
    if sim:
        return []
    found = []
    if not port:
        found.append(f'{role}_port is missing; give {role}_port:=/dev/... or hardware:=sim')
    elif not Path(port).exists():
        found.append(f'{role}_port {port} does not exist; is the arm plugged in and powered?')
    elif not os.access(port, os.R_OK | os.W_OK):
        found.append(
            f'{role}_port {port}: permission denied; add yourself to the group dialout '
            'and log in again'
        )
    if not arm_id and not file:
        found.append(
            f'{role}_id is missing; give the id it was calibrated with, or {role}_calibration:=FILE'
        )
    return found


def _camera_nodes(
    launch: LaunchConfig,
    share: Path,
    contract: Contract,
    recorder: RecorderConfig | None,
    problems: _Problems,
) -> list[NodePlan]:
    """Return a camera node for every picture topic of the contract that is ours."""
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
        nodes.append(NodePlan('camera', _values(camera, only=values), name, 'cameras'))
    return nodes


def _camera_source(launch: LaunchConfig, problems: _Problems) -> dict[str, Any]:
    """Return the camera parameters that `camera_source` stands for."""
    source = launch.camera_source or (SCENE if launch.hardware == 'sim' else DEVICE)
    if source in (DEVICE, *SIMULATED):
        return {'source': source, **({'seed': launch.seed} if source == SCENE else {})}
    file = _absolute(source)
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


def _root_problems(known: Mapping[str, str]) -> list[str]:
    """Look at the root even when other arguments are wrong."""
    repo_id = known.get('repo_id', '')
    if layout.repo_id_problems(repo_id):
        return []
    resume = known.get('resume', '').lower() in TRUE_WORDS
    return layout.root_problems(layout.resolve_root(known.get('root', ''), repo_id), resume)


def _check_recording(contract: Contract, recorder: RecorderConfig, problems: _Problems) -> None:
    problems.of(lambda: contract.check_fps(recorder.fps))
    problems.of(lambda: load_units(recorder.units, recorder.calibration, contract))
    stored = contract if recorder.video else contract.stored_as_images()
    problems.of(lambda: check_depth(stored))
    if recorder.vcodec != 'auto':
        problems.of(lambda: choose_for(stored, recorder.vcodec, recorder.fps))
    root = recorder.dataset_root
    if recorder.resume and (root / layout.INFO).is_file():
        description = describe(stored, recorder.fps, recorder.codebase_version)
        problems += resume_problems(root, description)


def _check_motion(launch: LaunchConfig, follower: NodePlan, problems: _Problems) -> None:
    """Read the whole motion: a row without numbers is better found now than in episode 7."""
    path = Path(_absolute(launch.leader_motion))
    if not launch.leader_motion:
        return
    if not path.is_file():
        problems.append(f'leader_motion {launch.leader_motion}: no such file')
        return
    file = follower.parameters['calibration']
    arm = problems.of(lambda: calibration.load(file))
    if arm is not None:
        problems.of(lambda: load_motions(str(path), launch.leader_motion_units, arm))


def _load_cameras(path: Path) -> dict[str, dict[str, Any]]:
    try:
        document = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError([f'cameras_file {path}: {error}']) from error
    if not isinstance(document, dict) or not all(isinstance(v, dict) for v in document.values()):
        raise ConfigError([f'cameras_file {path}: must map camera names to their settings'])
    return {str(name): dict(values) for name, values in document.items()}


def _values(config: Any, only: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a config's values as node parameters."""
    return {
        name: getattr(config, name) for name in table(type(config)) if only is None or name in only
    }


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute()) if path else ''
