"""policy_eval.launch.py as real processes: checkpoints drive the arm, evaluations are recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from bench.random_act import write_random_act
from recorder_node.dataset.check import Checker
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.sidecars import reports
from tests.conftest import wait_until
from tests.launch.fidelity import check_applied, column
from tests.launch.listening import Listener
from tests.launch.session import launched

SMALL = {
    'chunk_size': 20, 'n_action_steps': 10, 'dim_model': 32, 'n_heads': 2, 'dim_feedforward': 32,
    'n_encoder_layers': 1, 'latent_dim': 4,
}  # fmt: skip
EVALUATION = {'file': 'policy_eval.launch.py', 'repo_id': 'me/eval_test', 'console': 'false'}


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ACT with two cameras."""
    cameras = {'observation.images.top': (96, 128), 'observation.images.gripper': (96, 128)}
    return write_random_act(tmp_path_factory.mktemp('checkpoint') / 'act', cameras, **SMALL)


def test_an_evaluation_becomes_a_dataset(tmp_path: Path, checkpoint: Path) -> None:
    with (
        launched(
            tmp_path, policy_path=checkpoint, num_episodes=2, episode_time_s=4,
            max_step_rad='9.0', **EVALUATION,
        ) as session,
        Listener(session.domain) as listener,
    ):  # fmt: skip
        session.wait_for('the policy drives the arm')
        assert 'success=True' in session.call('mark_success')
        assert session.wait() == 0, session.log
    assert Checker(session.root).run() == []
    dataset = Dataset(session.root)
    assert [episode.length for episode in dataset.episodes] == [120, 120]
    assert {index: entry['outcome'] for index, entry in reports(session.root).items()} == {
        0: 'success',
        1: None,
    }
    assert '1 of 1 episodes were a success: 100%' in session.log
    assert 'inferences of' in session.log
    for episode in range(2):
        check_applied(session.root, episode, 'degrees', listener.by_stamp)
        # The policy really moved the arm.
        assert np.ptp(column(session.root, 'action', episode), axis=0).max() > 0
    info = json.loads((session.root / 'meta' / 'info.json').read_text())
    assert 'observation.images.gripper' in info['features']


def test_the_guard_ends_an_episode_as_a_failure(tmp_path: Path, checkpoint: Path) -> None:
    with launched(
        tmp_path, policy_path=checkpoint, num_episodes=2, episode_time_s=60,
        limit_margin_rad='0.0', max_step_rad='0.001', **EVALUATION,
    ) as session:  # fmt: skip
        session.wait_for('the policy has stopped, the follower holds')
        wait_until(
            lambda: 'refused in state FAULT' in session.call('start_episode'), what='the fault'
        )
        saved = session.call('save_episode')
        assert 'episode 0 saved' in saved
        assert 'success=True' in session.call('finish')
        assert session.wait() == 0, session.log
    assert Checker(session.root).run() == []
    assert reports(session.root)[0]['outcome'] == 'failure'
    assert '0 of 1 episodes were a success' in session.log


def test_without_an_operator_faults_do_not_wait_for_ever(tmp_path: Path, checkpoint: Path) -> None:
    with launched(
        tmp_path, policy_path=checkpoint, num_episodes=9, episode_time_s=60, reset_time_s=0.5,
        max_step_rad='0.001', on_fault='discard', max_faults=2, **EVALUATION,
    ) as session:  # fmt: skip
        assert session.wait() != 0, session.log
    assert session.log.count('the take ended: the policy stopped') == 2
    assert 'max_faults is 2' in session.log
    assert not session.root.exists()


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'policy_path': None}, 'policy_path: must not be empty'),
        ({'policy_path': '/nowhere/at/all'}, '/nowhere/at/all'),
        ({'repo_id': 'me/test'}, 'starts with eval_'),
        ({'contract': '{share}/so101.yaml'}, 'the policy needs "observation.images.top"'),
        ({'rename_map': 'front'}, '"front" is not name=name'),
        ({'colour': 'red'}, 'unknown argument "colour"'),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_moves(
    tmp_path: Path, checkpoint: Path, arguments: dict[str, str | None], words: str
) -> None:
    share = Path(__file__).parents[2] / 'config'
    values = {name: text and text.format(share=share) for name, text in arguments.items()}
    with launched(tmp_path, **{'policy_path': checkpoint, **EVALUATION, **values}) as session:
        assert session.wait() != 0
        assert words in session.log
        assert 'process started' not in session.log
    assert not session.root.exists()


def test_the_policy_runs_on_a_machine_of_its_own(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two launch files in one domain, the same contract, compressed pictures only."""
    names = [f'observation.images.{name}' for name in ('front', 'wrist')]
    folder = tmp_path_factory.mktemp('remote') / 'act'
    checkpoint = write_random_act(folder, dict.fromkeys(names, (96, 128)), **SMALL)
    share = Path(__file__).parents[2] / 'config'
    contract = yaml.safe_load((share / 'so101_compressed.yaml').read_text())
    for name in names:
        contract['features'][name]['shape'] = [96, 128, 3]
    (tmp_path / 'contract.yaml').write_text(yaml.safe_dump(contract, sort_keys=False))
    cameras = {name: {'width': 128, 'height': 96, 'view': name} for name in ('front', 'wrist')}
    (tmp_path / 'cameras.yaml').write_text(yaml.safe_dump(cameras))
    with (
        launched(
            tmp_path, remote_policy=True, contract='contract.yaml', cameras_file='cameras.yaml',
            policy_path='me/act_towel', single_task=None, episode_time_s=3, **EVALUATION,
        ) as robot,
        launched(
            tmp_path, file='policy.launch.py', domain=robot.domain, contract='contract.yaml',
            policy_path=checkpoint, max_step_rad=9.0, root=None, repo_id=None, single_task=None,
            num_episodes=None, episode_time_s=None, reset_time_s=None,
        ) as remote,
        Listener(robot.domain) as listener,
    ):  # fmt: skip
        assert robot.wait() == 0, robot.log
        remote.wait_for('the policy has stopped')
        remote.interrupt()
        remote.wait()
    assert 'the policy drives the arm' in remote.log
    assert Checker(robot.root).run() == []
    dataset = Dataset(robot.root)
    assert [episode.length for episode in dataset.episodes] == [90]
    assert any(entry.kind == 'command' for entry in listener.applied)
    assert np.ptp(column(robot.root, 'action', 0), axis=0).max() > 0
