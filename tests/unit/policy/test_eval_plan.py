"""The plan of an evaluation: what the policy node is told, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy_node.evaluation.arguments import table_of_evaluation, table_of_policy
from policy_node.evaluation.eval_plan import plan, plan_policy
from policy_node.runtime.config import PolicyConfig
from recorder_node.bringup.arguments import default_text
from recorder_node.bringup.node_plan import NodePlan
from so101_driver.common.errors import ConfigError
from tests.conftest import REPOSITORY
from tests.unit.policy.conftest import SMALL, configure, write_random_act


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ACT with a camera; its configuration may be changed."""
    cameras = {'observation.images.top': (96, 128)}
    return write_random_act(tmp_path_factory.mktemp('plan') / 'act', cameras, 6, **SMALL)


def given(checkpoint: Path, tmp_path: Path, **arguments: str) -> dict[str, str]:
    defaults = {name: default_text(p.default) for name, p in table_of_evaluation().items()}
    root = str(tmp_path / 'eval_x')
    chosen = {'hardware': 'sim', 'policy_path': str(checkpoint), 'root': root, **arguments}
    return {**defaults, **chosen}


def policy_node(nodes: list[NodePlan]) -> dict[str, object]:
    return next(node.parameters for node in nodes if node.name == 'policy')


def test_words_reach_the_policy(checkpoint: Path, tmp_path: Path) -> None:
    nodes = plan(given(checkpoint, tmp_path, single_task='fold the towel'), REPOSITORY)
    assert policy_node(nodes)['task'] == 'fold the towel'
    assert policy_node(plan(given(checkpoint, tmp_path), REPOSITORY))['task'] == 'evaluate act'


def test_no_words_are_made_up_for_a_policy_that_may_take_them(
    checkpoint: Path, tmp_path: Path
) -> None:
    configure(checkpoint, type='smolvla')
    try:
        with pytest.raises(ConfigError, match='single_task'):
            plan(given(checkpoint, tmp_path), REPOSITORY)
    finally:
        configure(checkpoint, type='act')


def test_a_remote_policy_is_left_out(tmp_path: Path) -> None:
    words = {'remote_policy': 'true', 'policy_path': ''}
    nodes = plan(given(tmp_path, tmp_path, **words), REPOSITORY)
    assert [n.name for n in nodes] == [
        'follower', 'simulator', 'front', 'wrist', 'recorder', 'console',
    ]  # fmt: skip
    assert nodes[-2].parameters['policy'] == 'remote'


def test_a_policy_alone_needs_the_arm_s_calibration(checkpoint: Path) -> None:
    defaults = {name: default_text(p.default) for name, p in table_of_policy().items()}
    with pytest.raises(ConfigError) as caught:
        plan_policy({**defaults, 'policy_path': str(checkpoint), 'typo': '1'}, REPOSITORY)
    text = str(caught.value)
    assert 'follower_id is missing' in text
    assert 'unknown argument "typo"' in text
    assert 'the policy needs "observation.images.top"' in text
    assert 'must not be empty' not in text


def test_fields_of_the_checkpoint_are_replaced(checkpoint: Path, tmp_path: Path) -> None:
    text = 'num_inference_steps=10, noise_scheduler_type=DDIM,temporal_ensemble_coeff=0.01'
    config = PolicyConfig(policy_overrides=text, n_action_steps=4)
    assert config.overrides() == {
        'num_inference_steps': 10, 'noise_scheduler_type': 'DDIM', 'temporal_ensemble_coeff': 0.01,
        'n_action_steps': 4,
    }  # fmt: skip
    nodes = plan(given(checkpoint, tmp_path, policy_overrides='n_action_steps=4'), REPOSITORY)
    assert policy_node(nodes)['policy_overrides'] == 'n_action_steps=4'


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        ({'policy_overrides': 'dim_model=3'}, '"dim_model" cannot be replaced'),
        ({'policy_overrides': 'n_action_steps'}, '"n_action_steps" is not name=value'),
        ({'policy_overrides': 'n_action_steps=4', 'n_action_steps': '5'}, 'given twice'),
    ],
)
def test_overrides_that_do_not_fit_are_refused(
    checkpoint: Path, tmp_path: Path, words: dict[str, str], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        plan(given(checkpoint, tmp_path, **words), REPOSITORY)
