"""Policies that cannot be used, or cannot keep up: a clear word, and never a surprising motion."""

from __future__ import annotations

import pickle
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.random_act import write_random_act
from recorder_node.dataset.check import Checker
from recorder_node.dataset.sidecars import reports
from tests.launch.listening import Listener
from tests.launch.session import launched
from tests.launch.test_policy_eval import EVALUATION, SMALL
from tests.unit.policy.conftest import change_tensors

WEIGHTS = 'model.safetensors'
ONE_THREAD = {'device': 'cpu', 'threads': 1}


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ACT with a small camera."""
    cameras = {'observation.images.top': (96, 128)}
    return write_random_act(tmp_path_factory.mktemp('checkpoint') / 'act', cameras, **SMALL)


def truncate(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def declare_a_hundred_gigabytes(folder: Path) -> None:
    header = b'{"x":{"dtype":"F32","shape":[25000000000],"data_offsets":[0,100000000000]}}'
    (folder / WEIGHTS).write_bytes(struct.pack('<Q', len(header)) + header)


def pickle_it(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / 'pytorch_model.bin').write_bytes(pickle.dumps({'weight': [1.0]}))


def forget_a_layer(folder: Path) -> None:
    change_tensors(folder / WEIGHTS, lambda tensors: tensors.pop('model.action_head.weight'))


def change_a_shape(folder: Path) -> None:
    name = 'model.action_head.weight'
    change_tensors(folder / WEIGHTS, lambda tensors: tensors.update({name: tensors[name][:-1]}))


def overflow(folder: Path) -> None:
    name = 'model.action_head.weight'
    change_tensors(
        folder / WEIGHTS, lambda tensors: tensors.update({name: tensors[name] * 0 + 3e38})
    )


@pytest.mark.parametrize(
    ('damage', 'words'),
    [
        (truncate, 'truncated'),
        (declare_a_hundred_gigabytes, 'declares 100.0 GB'),
        (pickle_it, 'is a pickle'),
        (forget_a_layer, 'action_head.weight'),
        (change_a_shape, 'config.json asks for'),
        (overflow, 'not finite'),
    ],
)
def test_a_damaged_checkpoint_ends_the_session_before_anything_moves(
    tmp_path: Path, checkpoint: Path, damage: Callable[[Path], None], words: str
) -> None:
    damaged = shutil.copytree(checkpoint, tmp_path / 'damaged')
    damage(damaged)
    with (
        launched(tmp_path, policy_path=damaged, **EVALUATION) as session,
        Listener(session.domain) as listener,
    ):
        assert session.wait() != 0, session.log
        assert all(entry.kind == 'hold' for entry in listener.applied)
    assert words in session.log
    assert 'the policy drives the arm' not in session.log
    assert 'Traceback' not in session.log
    assert not session.root.exists()
    assert not list(Path(tempfile.gettempdir()).glob(f'so101_sim_{session.process.pid}*'))


@pytest.fixture(scope='module')
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ACT whose two large cameras keep one thread of any processor busy for long."""
    cameras = {f'observation.images.{name}': (480, 640) for name in ('top', 'gripper')}
    return write_random_act(tmp_path_factory.mktemp('slow') / 'act', cameras, **SMALL)


def test_a_network_slower_than_its_actions_last_makes_the_arm_hold(
    tmp_path: Path, slow: Path
) -> None:
    with launched(
        tmp_path, policy_path=slow, num_episodes=1, episode_time_s=4, max_step_rad=9.0,
        n_action_steps=1, **ONE_THREAD, **EVALUATION,
    ) as session:  # fmt: skip
        assert session.wait() == 0, session.log
    assert 'the network is slower than its actions last, the arm holds' in session.log
    assert Checker(session.root).run() == []


def test_a_network_that_does_not_answer_stops_the_policy(tmp_path: Path, slow: Path) -> None:
    with launched(
        tmp_path, policy_path=slow, num_episodes=1, episode_time_s=60, max_step_rad=9.0,
        max_wait_s=0.1, **ONE_THREAD, **EVALUATION,
    ) as session:  # fmt: skip
        session.wait_for('the network has not answered for')
        session.wait_for('the take ended: the policy stopped')
        assert 'episode 0 saved' in session.call('save_episode')
        assert session.wait() == 0, session.log
    assert Checker(session.root).run() == []
    assert reports(session.root)[0]['outcome'] == 'failure'
