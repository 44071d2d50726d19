"""Launch plans of arms alone: one pair, two pairs, every problem of both at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder_node.bringup.arguments import default_text
from recorder_node.bringup.arms_plan import (
    bimanual_arguments,
    bimanual_record_arguments,
    pair_arguments,
    plan_bimanual,
    plan_bimanual_record,
    plan_pair,
)
from recorder_node.contract import contract_file
from so101_driver.common.errors import ConfigError

SHARE = Path(__file__).parents[3]


def defaults(arguments: dict, **given: str) -> dict[str, str]:
    return {**{n: default_text(p.default) for n, p in arguments.items()}, **given}


def test_a_pair_in_a_namespace() -> None:
    given = defaults(pair_arguments(), hardware='sim', namespace='bench', gripper_spring='true')
    nodes = {node.executable: node for node in plan_pair(given, SHARE)}
    assert set(nodes) == {'follower', 'leader', 'simulator'}
    assert {node.namespace for node in nodes.values()} == {'bench'}
    assert nodes['leader'].parameters['gripper_spring'] is True
    assert nodes['simulator'].parameters['episode_motion'] is False


def test_two_pairs_share_nothing() -> None:
    nodes = plan_bimanual(defaults(bimanual_arguments(), hardware='sim'), SHARE)
    ports = [node.parameters['port'] for node in nodes if node.executable != 'simulator']
    assert len(nodes) == 6
    assert len(set(ports)) == 4
    assert {(node.namespace, node.name) for node in nodes} == {
        (side, name) for side in ('left', 'right') for name in ('follower', 'leader', 'simulator')
    }


def test_problems_of_both_sides_are_listed() -> None:
    given = defaults(bimanual_arguments(), follower_id='duo', typo='1')
    with pytest.raises(ConfigError) as caught:
        plan_bimanual(given, SHARE)
    text = '\n'.join(caught.value.problems)
    for part in (
        'unknown argument "typo"',
        'left: follower_port is missing',
        'right: leader_port is missing',
        'left: no calibration file for follower "duo_left"',
        'right: leader_id is missing',
    ):
        assert part in text


def test_the_contract_of_two_arms_is_valid() -> None:
    contract = contract_file.load(SHARE / 'config' / 'bimanual_so101.yaml')
    features = {feature.name: feature for feature in contract.features}
    names = features['action'].names
    assert len(names) == 12
    assert (names[0], names[-1]) == ('left_shoulder_pan.pos', 'right_gripper.pos')


def test_two_pairs_are_recorded_by_one_recorder(tmp_path: Path) -> None:
    arguments = bimanual_record_arguments()
    words = {'repo_id': 'me/two', 'single_task': 'fold', 'root': str(tmp_path / 'ds')}
    nodes = plan_bimanual_record(defaults(arguments, hardware='sim', **words), SHARE)
    names = [(node.namespace, node.name) for node in nodes]
    assert names[-4:] == [('cameras', 'front'), ('cameras', 'wrist'), ('', 'recorder'),
                          ('', 'console')]  # fmt: skip
    assert len(names) == 10
    recorder = nodes[-2].parameters
    assert recorder['contract'].endswith('bimanual_so101.yaml')
    assert nodes[-4].parameters['joint_states_topic'] == '/left/follower/joint_states'
    simulators = [node for node in nodes if node.executable == 'simulator']
    assert all(node.parameters['episode_motion'] for node in simulators)


def test_everything_wrong_with_two_recorded_pairs_is_listed() -> None:
    arguments = bimanual_record_arguments()
    given = defaults(arguments, follower_id='duo', leader_id='duo', units='range_m100_100', fps='0')
    with pytest.raises(ConfigError) as caught:
        plan_bimanual_record({**given, 'follower_port': '/dev/x'}, SHARE)
    text = '\n'.join(caught.value.problems)
    for part in ('unknown argument "follower_port"', 'left: follower_port is missing', 'repo_id',
                 'right: no calibration file for leader "duo_right"', 'fps'):  # fmt: skip
        assert part in text


def test_units_that_need_a_calibration_are_refused_for_two_arms(tmp_path: Path) -> None:
    arguments = bimanual_record_arguments()
    words = {'repo_id': 'me/two', 'single_task': 'fold', 'root': str(tmp_path / 'ds')}
    given = defaults(arguments, hardware='sim', units='range_m100_100', **words)
    with pytest.raises(ConfigError, match='calibration'):
        plan_bimanual_record(given, SHARE)
