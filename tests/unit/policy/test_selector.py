"""LeRobot's queues step by step: chunks, history, temporal ensembling."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_node.checkpoint.features import Feature
from policy_node.networks.policy import Observation, PolicyInfo
from policy_node.runtime.ensemble import TemporalEnsembler
from policy_node.runtime.selector import ActionSelector

CHUNK = 6


def info(**fields: Any) -> PolicyInfo:
    known: dict[str, Any] = {
        'kind': 'counting',
        'input_features': {'observation.state': Feature('STATE', (1,))},
        'output_features': {'action': Feature('ACTION', (2,))},
        'n_obs_steps': 1,
        'chunk_size': CHUNK,
        'n_action_steps': CHUNK,
        'ensemble_coeff': None,
        'device': 'cpu',
        'precision': 'float32',
    }
    return PolicyInfo(**{**known, **fields})


@dataclasses.dataclass
class Counting:
    """Row i of the chunk for observation t is (t, i)."""

    info: PolicyInfo
    histories: list[list[int]] = dataclasses.field(default_factory=list)
    resets: int = 0

    def reset(self) -> None:
        self.resets += 1

    def chunk(self, history: Sequence[Observation]) -> torch.Tensor:
        seen = [int(observation['t']) for observation in history]
        self.histories.append(seen)
        return torch.tensor([[seen[-1], i] for i in range(CHUNK)], dtype=torch.float32)


def drive(policy: Counting, ticks: Sequence[int]) -> list[list[int]]:
    selector = ActionSelector(policy)
    return [selector.select({'t': t}).int().tolist() for t in ticks]


def test_a_chunk_is_used_up_before_the_next() -> None:
    policy = Counting(info(n_action_steps=3))
    actions = drive(policy, range(7))
    assert actions == [[0, 0], [0, 1], [0, 2], [3, 0], [3, 1], [3, 2], [6, 0]]
    assert policy.histories == [[0], [3], [6]]


def test_history_is_filled_with_the_first_and_then_slides_every_tick() -> None:
    policy = Counting(info(n_obs_steps=3, n_action_steps=2))
    drive(policy, range(10, 15))
    assert policy.histories == [[10, 10, 10], [10, 11, 12], [12, 13, 14]]


def test_reset_forgets_queue_history_and_policy() -> None:
    policy = Counting(info(n_obs_steps=2, n_action_steps=4))
    selector = ActionSelector(policy)
    selector.select({'t': 1})
    assert selector.queued == 3
    selector.reset()
    assert policy.resets == 1
    assert selector.select({'t': 9}).tolist() == [9, 0]
    assert policy.histories == [[1, 1], [9, 9]]


def test_ensembling_asks_every_tick() -> None:
    policy = Counting(info(n_action_steps=1, ensemble_coeff=0.0))
    selector = ActionSelector(policy)
    actions = [selector.select({'t': t}).tolist() for t in range(3)]
    # Plain means of all predictions for now: row t - s of the chunk for s.
    assert actions == [[0, 0], [0.5, 0.5], [1, 1]]


@settings(max_examples=50)
@given(st.floats(-0.5, 1.0), st.integers(1, 9), st.integers(1, 25), st.integers(0, 24))
def test_ensembling_is_the_weighted_mean(
    coefficient: float, size: int, steps: int, reset_at: int
) -> None:
    chunks = np.random.default_rng(steps).normal(size=(steps, size, 3)).astype(np.float32)
    ensembler = TemporalEnsembler(coefficient, size)
    first = 0
    for t in range(steps):
        if t == reset_at:
            ensembler.reset()
            first = t
        # In float64: every prediction of now since the reset, the oldest with weight exp(0).
        sources = range(max(first, t - size + 1), t + 1)
        weights = np.exp(-coefficient * np.arange(len(sources), dtype=np.float64))
        predictions = np.array([chunks[s, t - s] for s in sources], np.float64)
        wanted = (weights[:, None] * predictions).sum(axis=0) / weights.sum()
        np.testing.assert_allclose(ensembler.update(chunks[t]), wanted, rtol=2e-4, atol=2e-5)


def test_what_was_given_out_does_not_change() -> None:
    ensembler = TemporalEnsembler(0.1, 3)
    chunk = np.ones((3, 1), np.float32)
    action = ensembler.update(chunk)
    ensembler.update(chunk * 5)
    assert action == pytest.approx(1)
    assert chunk.tolist() == [[1], [1], [1]]
