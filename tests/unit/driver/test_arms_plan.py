"""Launch plans of arms alone: one pair, two pairs, every problem of both at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder_node import contract_file
from recorder_node.arguments import default_text
from recorder_node.arms_plan import bimanual_arguments, pair_arguments, plan_bimanual, plan_pair
from so101_driver.errors import ConfigError

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
