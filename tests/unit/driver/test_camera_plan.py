"""The cameras file, checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from recorder_node.bringup.arguments import LaunchConfig
from recorder_node.bringup.camera_plan import camera_nodes
from recorder_node.bringup.node_plan import NodePlan, Problems
from recorder_node.contract.contract_file import load
from so101_driver.common.parameters import build
from tests.conftest import REPOSITORY
from tests.unit.driver.test_camera_info import written

CONTRACT = load(REPOSITORY / 'config' / 'so101.yaml')
MODE = {'width': 640, 'height': 480, 'fps': 30}


def test_a_contract_with_jpeg_topics_starts_cameras_that_publish_them(tmp_path: Path) -> None:
    text = (REPOSITORY / 'config' / 'so101.yaml').read_text()
    text = text.replace('front/image_raw', 'front/image_raw/compressed').replace(
        'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 1
    )
    (tmp_path / 'contract.yaml').write_text(text)
    problems = Problems()
    contract = load(tmp_path / 'contract.yaml')
    front, wrist = camera_nodes(
        build(LaunchConfig, {'hardware': 'sim'}), REPOSITORY, contract, None, problems
    )
    assert list(problems) == []
    assert front.parameters['compressed'] is True
    assert 'compressed' not in wrist.parameters


def planned(
    folder: Path, hardware: str = 'sim', **cameras: dict[str, Any]
) -> tuple[list[NodePlan], list[str]]:
    """Plan with a cameras file; every camera that is not named has the usual mode."""
    return with_faults(folder, hardware, '', **cameras)


def with_faults(
    folder: Path, hardware: str, faults: str, **cameras: dict[str, Any]
) -> tuple[list[NodePlan], list[str]]:
    entries = {
        name: {**MODE, 'device': f'{folder}/{name}', **cameras.get(name, {})}
        for name in ('front', 'wrist')
    }
    for name in entries:
        (folder / name).touch()
    path = folder / 'cameras.yaml'
    path.write_text(yaml.safe_dump(entries))
    given = {'hardware': hardware, 'cameras_file': str(path), 'sim_faults': faults}
    problems = Problems()
    nodes = camera_nodes(build(LaunchConfig, given), REPOSITORY, CONTRACT, None, problems)
    return nodes, list(problems)


def test_every_parameter_can_stand_in_the_file(tmp_path: Path) -> None:
    entry = {
        'fourcc': 'MJPG', 'exact_mode': False, 'wait_for_device_s': 5.0, 'stall_timeout_s': 2.0,
        'latency_s': 0.03, 'compressed': True, 'jpeg_quality': 80,
    }  # fmt: skip
    nodes, problems = planned(tmp_path, 'real', front=entry)
    assert problems == []
    assert entry.items() <= nodes[0].parameters.items()
    assert nodes[0].parameters['source'] == 'device'
    _, problems = planned(tmp_path, front={'latency': 0.03, 'stall_timeout_s': 0.0})
    assert 'unknown parameter "latency"' in problems[0]
    assert 'stall_timeout_s: 0 is below the minimum' in problems[1]


def test_the_file_of_the_package_names_every_key() -> None:
    text = (REPOSITORY / 'config' / 'cameras.yaml').read_text()
    for key in (
        'device', 'fourcc', 'width', 'height', 'fps', 'exact_mode', 'rotation', 'latency_s', 'view',
        'camera_info_url', 'compressed', 'jpeg_quality', 'stall_timeout_s', 'wait_for_device_s',
        'resize',
    ):  # fmt: skip
        assert f'{key}:' in text, key


def test_a_calibration_file_is_found_beside_the_cameras_file(tmp_path: Path) -> None:
    path = written(tmp_path)
    nodes, problems = planned(tmp_path, front={'camera_info_url': path.name})
    assert problems == []
    assert nodes[0].parameters['camera_info_url'] == str(path)
    for url in ('no.yaml', f'file://{tmp_path}/no.yaml', 'http://no.yaml'):
        _, (problem,) = planned(tmp_path, front={'camera_info_url': url})
        assert problem.startswith('camera "front": camera_info_url')
    written(tmp_path, image_width=320)
    _, (problem,) = planned(tmp_path, front={'camera_info_url': str(path)})
    assert 'is for pictures of 320x480' in problem
    nodes, problems = planned(tmp_path, front={'camera_info_url': 'package://other/a.yaml'})
    assert problems == []
    assert nodes[0].parameters['camera_info_url'] == 'package://other/a.yaml'


def test_two_cameras_on_one_device_are_refused(tmp_path: Path) -> None:
    (tmp_path / 'link').symlink_to(tmp_path / 'front')
    _, problems = planned(tmp_path, 'real', wrist={'device': str(tmp_path / 'link')})
    assert problems == [f'cameras "front" and "wrist" are both {(tmp_path / "front").resolve()}']
    _, problems = planned(tmp_path, 'sim', wrist={'device': str(tmp_path / 'link')})
    assert problems == []


def test_a_device_that_may_come_later_is_not_missed(tmp_path: Path) -> None:
    away = {'device': str(tmp_path / 'away')}
    _, (problem,) = planned(tmp_path, 'real', front=away)
    assert 'does not exist; is it plugged in?' in problem
    _, problems = planned(tmp_path, 'real', front={**away, 'wait_for_device_s': 10})
    assert problems == []


def test_faults_from_the_start_reach_the_cameras(tmp_path: Path) -> None:
    text = '[{"kind": "drop", "rate": 0.1}, {"kind": "camera_stall", "at_s": 3, "for_s": 1}]'
    nodes, problems = with_faults(tmp_path, 'sim', text)
    assert problems == []
    assert all(node.parameters['faults'] == text for node in nodes)
    nodes, problems = with_faults(tmp_path, 'sim', '{"kind": "drop"}')
    assert problems == []
    assert 'faults' not in nodes[0].parameters
    _, problems = with_faults(tmp_path, 'sim', '{"kind": "camera_stall", "secs": 1}')
    assert 'fault: unknown key "secs"' in problems


@pytest.mark.parametrize('rotation', [0, 90])
def test_the_contract_has_the_turned_size(tmp_path: Path, rotation: int) -> None:
    _, problems = planned(tmp_path, front={'rotation': rotation})
    assert bool(problems) == bool(rotation)
