"""Faults to inject into a simulated arm, what is said about them, and what they must not do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NOISE = (
    'drop', 'corrupt', 'corrupt_length', 'garbage_before', 'garbage_after', 'wrong_id',
    'duplicate', 'delay', 'deaf',
)  # fmt: skip
"""Faults of single packets."""

NOISE_RATE = 0.01 / len(NOISE)
"""Of each kind, so that one packet in a hundred is bad."""

PASSING = (
    ({'kind': 'silent', 'servo': 'wrist_flex', 'for_s': 1.5}, 'wrist_flex (id 4) does not answer'),
    ({'kind': 'unplug', 'for_s': 0.5}, 'no such device; is the arm plugged in'),
    ({'kind': 'voltage', 'servo': 'gripper', 'value': 3.2, 'for_s': 1.5}, 'gripper: voltage'),
    ({'kind': 'heat', 'servo': 2, 'value': 60, 'for_s': 1.5}, 'shoulder_lift: hotter than 55 C'),
    ({'kind': 'power_cycle', 'for_s': 1.0}, 'shoulder_pan (id 1) does not answer'),
)
"""Faults that go away by themselves, and what the follower says."""

TRIPPING = ('overload', 'current', 'encoder')
"""Faults that hold a joint until somebody clears them."""

ONE_TICK_RAD = 0.004
_LONGEST_PAUSE_S = 0.05
"""The longest pause between two writes that the velocity limit counts."""


def clamp_rad(max_velocity_rad_s: float) -> float:
    """Return the largest step between two goals that the follower may write."""
    return max_velocity_rad_s * _LONGEST_PAUSE_S + ONE_TICK_RAD


def worst_step_rad(stamps_ns: Sequence[int], goals_rad: Sequence[Sequence[float]]) -> float:
    """Return the largest step between goals written one after the other.

    A test that is slow to listen misses messages: where stamps lie apart, so may the goals.
    """
    pauses_s = np.diff(np.array(stamps_ns)) / 1e9
    steps_rad = np.abs(np.diff(np.array(goals_rad), axis=0)).max(axis=1)
    share = np.minimum(_LONGEST_PAUSE_S / np.maximum(pauses_s, _LONGEST_PAUSE_S), 1.0)
    return float((steps_rad * share).max())
