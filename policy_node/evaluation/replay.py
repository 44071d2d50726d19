"""The recorded actions of an episode as commands in radians, checked before anything moves."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policy_node.errors import PolicyError
from policy_node.runtime.guard import Guard
from recorder_node.dataset.reader import Dataset
from so101_driver.arm import units
from so101_driver.arm.calibration import Calibration
from so101_driver.arm.commands import goal_limits_rad
from so101_driver.arm.joints import JOINTS

_POSITION = '.pos'


@dataclasses.dataclass(frozen=True)
class Replay:
    """What to send: `actions_rad` is `(rows, joints)`, `fps` rows are sent per second."""

    joints: tuple[str, ...]
    actions_rad: NDArray[np.float64]
    fps: int


def load(root: Path, episode: int, mode: str, calibration: Calibration) -> Replay:
    """Return an episode's actions.

    Args:
        root: a dataset of either format.
        episode: its number.
        mode: LeRobot's unit of the joints in it.
        calibration: of the follower that is to move.

    Raises:
        DatasetError: when the dataset cannot be read.
        PolicyError: when there is no such episode, or its action is not made of our joints.
    """
    dataset = Dataset(root)
    if not 0 <= episode < len(dataset.episodes):
        raise PolicyError(f'{root} has episodes 0..{len(dataset.episodes) - 1}, not {episode}')
    feature = dataset.features.get('action')
    if feature is None:
        raise PolicyError(f'{root} has no feature "action"')
    joints = tuple(str(name).removesuffix(_POSITION) for name in feature.get('names') or ())
    if unknown := [name for name in joints if name not in JOINTS] or sorted(
        set(JOINTS) - set(joints)
    ):
        raise PolicyError(f'the action of {root} and the arm differ in {", ".join(unknown)}')
    rows = dataset.rows(dataset.episodes[episode])
    values = np.asarray(dataset.values(rows, 'action'), np.float64)
    return Replay(joints, units.units_to_rad(values, joints, mode, calibration), dataset.fps)


def make_guard(
    joints: tuple[str, ...], calibration: Calibration, margin_rad: float, max_step_rad: float
) -> Guard:
    """Return the guard of an arm, for joints in this order."""
    low, high = goal_limits_rad(calibration, 0.0)
    order = [JOINTS.index(joint) for joint in joints]
    return Guard(joints, low[order], high[order], margin_rad, max_step_rad)


def check(replay: Replay, guard: Guard) -> None:
    """Let every action pass the guard before the first is sent.

    Raises:
        GuardError: naming the first that does not.
    """
    guard.reset()
    for row in replay.actions_rad:
        guard.check(row)
    guard.reset()
