"""What the guard lets pass, and the words of its refusals."""

from __future__ import annotations

import numpy as np
import pytest

from policy_node.runtime.guard import Guard, GuardError


def guard(max_step_rad: float = 0.5) -> Guard:
    return Guard(('pan', 'lift'), np.array([-1.0, -2.0]), np.array([1.0, 2.0]), 0.2, max_step_rad)


def test_actions_within_limits_pass() -> None:
    watch = guard()
    for pan in (0.0, 0.4, 0.8, 1.19, 0.7):
        watch.check(np.array([pan, 0.0]))


@pytest.mark.parametrize(
    ('action', 'words'),
    [
        ([np.nan, 0.0], 'pan: nan rad is not finite'),
        ([0.0, np.inf], 'lift: inf rad is not finite'),
        ([1.3, 0.0], r'pan: 1.300 rad is beyond -1.20 to 1.20 rad'),
        ([0.0, -2.3], 'lift: -2.300 rad is beyond'),
        ([0.0, 0.6], 'lift: 0.600 rad is too long a step, 0.50 rad are allowed'),
    ],
)
def test_refusals_name_joint_and_value(action: list[float], words: str) -> None:
    watch = guard()
    watch.check(np.zeros(2))
    with pytest.raises(GuardError, match=words):
        watch.check(np.array(action))


def test_a_refused_action_is_not_remembered_and_a_reset_forgets() -> None:
    watch = guard()
    watch.check(np.zeros(2))
    with pytest.raises(GuardError):
        watch.check(np.array([1.0, 0.0]))
    with pytest.raises(GuardError):
        watch.check(np.array([1.0, 0.0]))
    watch.reset()
    watch.check(np.array([1.0, 0.0]))
