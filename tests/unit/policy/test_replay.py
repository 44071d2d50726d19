"""A recorded episode becomes commands, or a refusal."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from policy_node.errors import PolicyError
from policy_node.evaluation.replay import check, load, make_guard
from policy_node.runtime.guard import GuardError
from recorder_node.dataset import layout
from so101_driver.arm import calibration, units
from tests.conftest import JOINTS, REPOSITORY, small_contract
from tests.small_datasets import record

ARM = calibration.load(REPOSITORY / 'config' / 'sim' / 'follower.json')


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return record(tmp_path, small_contract(cameras=0), (4, 6))


def test_actions_come_back_in_radians(root: Path) -> None:
    replay = load(root, 1, 'degrees', ARM)
    assert (replay.joints, replay.fps, replay.actions_rad.shape) == (JOINTS, 30, (6, 6))
    back = units.rad_to_units(replay.actions_rad, JOINTS, 'degrees', ARM)
    want = np.sin(np.arange(6)[:, None] / 10 + np.arange(6.0))
    np.testing.assert_allclose(back[:, :5], want[:, :5], atol=1e-5)
    check(replay, make_guard(JOINTS, ARM, 0.35, 1.0))


def test_the_guard_sees_all_before_anything_moves(root: Path) -> None:
    replay = load(root, 0, 'degrees', ARM)
    with pytest.raises(GuardError, match='too long a step'):
        check(replay, make_guard(JOINTS, ARM, 0.35, 1e-6))
    replay.actions_rad[3, 2] = 9.0
    with pytest.raises(GuardError, match=r'elbow_flex: 9\.000 rad is beyond'):
        check(replay, make_guard(JOINTS, ARM, 0.35, 100.0))


def test_wrong_datasets_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r'has episodes 0..1, not 2'):
        load(root, 2, 'degrees', ARM)
    other = tmp_path / 'other'
    shutil.copytree(root, other)
    text = (other / layout.INFO).read_text()
    (other / layout.INFO).write_text(text.replace('gripper.pos', 'claw.pos'))
    with pytest.raises(PolicyError, match='differ in claw'):
        load(other, 0, 'degrees', ARM)
