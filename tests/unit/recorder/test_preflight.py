"""Launch arguments are checked before anything starts; every problem is listed at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from recorder_node.bringup.arguments import default_text, table_of_arguments
from recorder_node.bringup.preflight import NodePlan, plan
from recorder_node.session.config import RecorderConfig
from so101_driver.common.errors import ConfigError
from tests.conftest import REPOSITORY

DEFAULTS = {name: default_text(p.default) for name, p in table_of_arguments().items()}

VELOCITY = """
  observation.velocity:
    topic: /follower/joint_states
    type: sensor_msgs/msg/JointState
    joints: [shoulder_pan, gripper]
    field: velocity
"""


def given(tmp_path: Path, **arguments: str) -> dict[str, str]:
    base = {
        'hardware': 'sim',
        'repo_id': 'me/cube',
        'single_task': 'pick the cube',
        'root': str(tmp_path / 'ds'),
    }
    return {**DEFAULTS, **base, **arguments}


def refused(arguments: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        plan(arguments, REPOSITORY)
    return str(caught.value)


def by_name(nodes: list[NodePlan]) -> dict[str, NodePlan]:
    return {node.name: node for node in nodes}


def test_simulation_needs_nothing_but_a_name_and_a_task(tmp_path: Path) -> None:
    nodes = by_name(plan(given(tmp_path), REPOSITORY))
    assert list(nodes) == [
        'follower', 'leader', 'simulator', 'front', 'wrist', 'recorder', 'console',
    ]  # fmt: skip
    assert nodes['front'].namespace == 'cameras'
    assert nodes['front'].parameters['source'] == 'scene'
    assert nodes['simulator'].parameters['follower_port'] == nodes['follower'].parameters['port']
    assert nodes['recorder'].parameters['contract'].endswith('config/so101.yaml')
    assert isinstance(nodes['recorder'].parameters['episode_time_s'], float)
    assert not nodes['console'].needed
    assert not list(tmp_path.iterdir())


def test_numbers_keep_their_type_however_they_are_written(tmp_path: Path) -> None:
    nodes = by_name(plan(given(tmp_path, episode_time_s='20', fps='10'), REPOSITORY))
    parameters = nodes['recorder'].parameters
    assert (parameters['episode_time_s'], parameters['fps']) == (20.0, 10)
    assert isinstance(parameters['episode_time_s'], float)


def test_teleoperation_without_recording(tmp_path: Path) -> None:
    nodes = by_name(plan(given(tmp_path, record='false', repo_id='', single_task=''), REPOSITORY))
    assert 'recorder' not in nodes
    assert nodes['simulator'].parameters['episode_motion'] is False


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'colour': 'red'}, 'unknown argument "colour"'),
        ({'single_task': ' '}, 'single_task: must not be empty'),
        ({'repo_id': '../x'}, 'repo_id is "../x"'),
        ({'repo_id': 'me/eval_cube'}, 'eval_'),
        ({'fps': '60'}, 'fps is 60 but camera "front" runs at 30 Hz; set fps:=30'),
        ({'fps': 'fast'}, 'fps: "fast" is not a number'),
        ({'num_episodes': '0'}, 'below the minimum 1'),
        ({'episode_time_s': '2000'}, 'above the maximum 1000 s'),
        ({'hardware': 'mock'}, '"mock" is not one of real, sim'),
        ({'cameras': 'front,top'}, 'camera "top" is not in the contract; it has front, wrist'),
        ({'camera_source': 'none.mp4'}, 'camera_source none.mp4: no such file'),
        ({'leader_motion': 'none.csv'}, 'leader_motion none.csv: no such file'),
        ({'contract': '/none.yaml'}, 'No such file'),
        ({'resume': 'true'}, 'there is no dataset'),
        ({'vcodec': 'divx'}, '"divx" is not one of'),
        ({'units': 'gon'}, '"gon" is not one of'),
        ({'follower_calibration': '/none.json'}, '/none.json'),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, arguments: dict[str, str], words: str) -> None:
    text = refused(given(tmp_path, **arguments))
    assert words in text
    assert not list(tmp_path.iterdir())


def test_all_mistakes_are_listed_at_once(tmp_path: Path) -> None:
    (tmp_path / 'ds').mkdir()
    (tmp_path / 'ds' / 'x').touch()
    text = refused(given(tmp_path, single_task='', fps='60', colour='red', leader_motion='none'))
    for words in ('single_task', 'colour', 'resume:=true', 'leader_motion'):
        assert words in text


def test_real_hardware_is_looked_for(tmp_path: Path) -> None:
    text = refused(given(tmp_path, hardware='real', follower_port='/dev/none', cameras='none'))
    assert 'follower_port /dev/none does not exist' in text
    assert 'leader_port is missing' in text
    assert 'follower_id is missing' in text
    assert 'leader_id is missing' in text


@pytest.mark.parametrize('content', ['{', '[]', '{"shoulder_pan": {"id": 1}}'])
def test_a_malformed_calibration_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / 'arm.json'
    file.write_text(content)
    assert 'arm.json' in refused(given(tmp_path, leader_calibration=str(file)))


def test_a_contract_with_several_mistakes(tmp_path: Path) -> None:
    file = tmp_path / 'c.yaml'
    file.write_text(
        'version: 1\nrobot_type: x\nfeatures:\n'
        '  action: {topic: /a, type: std_msgs/msg/Float32, align: soon}\n'
        '  timestamp: {topic: b, type: std_msgs/msg/Float32}\n'
    )
    text = refused(given(tmp_path, contract=str(file)))
    for words in ('align', 'timestamp', 'absolute name'):
        assert words in text


def test_an_unwritable_root_is_named(tmp_path: Path) -> None:
    assert 'cannot be written' in refused(given(tmp_path, root='/proc/recorder/ds'))


def test_a_root_that_can_never_be_written(tmp_path: Path) -> None:
    file = tmp_path / 'file'
    file.touch()
    assert 'cannot be written' in refused(given(tmp_path, root=str(file / 'ds')))


def test_a_motion_that_cannot_be_replayed_is_named(tmp_path: Path) -> None:
    file = tmp_path / 'motion.csv'
    file.write_text('shoulder_pan,elbow\n1,2\n')
    assert 'motion.csv' in refused(given(tmp_path, leader_motion=str(file)))


def test_sizes_of_camera_and_contract_are_compared(tmp_path: Path) -> None:
    text = (REPOSITORY / 'config' / 'cameras.yaml').read_text().replace('640', '320')
    file = tmp_path / 'cameras.yaml'
    file.write_text(text)
    assert 'gives 320x480, the contract says 640x480' in refused(
        given(tmp_path, cameras_file=str(file))
    )


def test_a_foreign_contract_starts_no_camera_of_ours(tmp_path: Path) -> None:
    contract = (REPOSITORY / 'config' / 'so101.yaml').read_text().replace('/cameras/', '/lab/')
    file = tmp_path / 'c.yaml'
    file.write_text(contract)
    assert 'front' not in by_name(plan(given(tmp_path, contract=str(file)), REPOSITORY))


def test_every_argument_has_a_meaning() -> None:
    for name, parameter in table_of_arguments().items():
        assert len(parameter.spec.meaning) > 10, name


def test_velocities_that_no_arm_publishes_are_refused(tmp_path: Path) -> None:
    text = (REPOSITORY / 'config' / 'so101.yaml').read_text()
    file = tmp_path / 'contract.yaml'
    file.write_text(text + VELOCITY)
    arguments = given(tmp_path, contract=str(file))
    assert (
        'feature "observation.velocity": /follower/joint_states has no velocity unless '
        'publish_velocity_effort:=true'
    ) in refused(arguments)
    nodes = by_name(plan({**arguments, 'publish_velocity_effort': 'true'}, REPOSITORY))
    assert nodes['follower'].parameters['publish_velocity_effort'] is True


def test_a_wrong_argument_of_the_launch_hides_no_other_problem(tmp_path: Path) -> None:
    text = refused(given(tmp_path, hardware='simm', fps='0', repo_id=''))
    for part in ('hardware: "simm"', 'fps', 'repo_id'):
        assert part in text
    text = refused(given(tmp_path, hardware='simm', record='false', repo_id=''))
    assert 'repo_id' not in text


def test_contracts_of_the_package_go_by_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nodes = by_name(plan(given(tmp_path, contract='so101_compressed.yaml'), REPOSITORY))
    own = str(REPOSITORY / 'config' / 'so101_compressed.yaml')
    assert nodes['recorder'].parameters['contract'] == own
    assert nodes['front'].parameters['compressed'] is True
    here = tmp_path / 'so101_compressed.yaml'
    here.write_text((REPOSITORY / 'config' / 'so101.yaml').read_text())
    nodes = by_name(plan(given(tmp_path, contract='so101_compressed.yaml'), REPOSITORY))
    assert nodes['recorder'].parameters['contract'] == str(here)
    assert 'so102.yaml' in refused(given(tmp_path, contract='so102.yaml'))


def test_calibration_files_are_found_in_a_folder_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / 'calibrations'
    folder.mkdir()
    shutil.copy(REPOSITORY / 'config/sim/follower.json', folder / 'blue.json')
    words = {'follower_id': 'blue', 'follower_calibration_dir': str(folder)}
    nodes = by_name(plan(given(tmp_path, **words), REPOSITORY))
    assert nodes['follower'].parameters['calibration'] == str(folder / 'blue.json')
    assert nodes['recorder'].parameters['calibration'] == str(folder / 'blue.json')
    assert str(folder / 'red.json') in refused(given(tmp_path, **{**words, 'follower_id': 'red'}))


def test_a_clamp_for_each_joint_reaches_the_follower(tmp_path: Path) -> None:
    words = {'max_relative_target': '{shoulder_pan: 5, gripper: 10}'}
    nodes = by_name(plan(given(tmp_path, **words), REPOSITORY))
    assert nodes['follower'].parameters['max_relative_target'] == (5.0, 0.0, 0.0, 0.0, 0.0, 10.0)
    assert 'unknown elbow' in refused(given(tmp_path, max_relative_target='{elbow: 5}'))


@pytest.mark.parametrize(
    ('version', 'units', 'told'),
    [('v2.1', 'degrees', True), ('v2.1', 'range_m100_100', False), ('auto', 'degrees', False)],
)
def test_lerobot_0_3_had_another_unit(version: str, units: str, told: bool) -> None:
    config = RecorderConfig('c', 'me/x', single_task='t', codebase_version=version, units=units)
    assert any('default of lerobot 0.3' in text for text in config.warnings()) == told


def test_a_wrong_name_is_told_once_beside_other_mistakes(tmp_path: Path) -> None:
    for others in ({'fps': '0'}, {}):
        assert refused(given(tmp_path, repo_id='a--b/c', **others)).count('a--b/c"; it must') == 1
