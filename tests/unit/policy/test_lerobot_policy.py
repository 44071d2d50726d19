"""Policy types that LeRobot runs, with a stand-in for it."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch

from policy_node.errors import CheckpointError, InferenceError, UnsupportedPolicyError
from tests.unit.policy.conftest import configure, load, observation


class Policy:
    """What LeRobot's policies have of methods; actions count upwards."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.resets = 0
        self.value = 1.0

    def to(self, device: torch.device) -> Policy:
        return self

    def eval(self) -> Policy:
        return self

    def reset(self) -> None:
        self.resets += 1

    def predict_action_chunk(self, batch: dict[str, Any]) -> torch.Tensor:
        self.calls.append('chunk')
        self.batch = batch
        return torch.full((1, 6, 5), self.value)

    def select_action(self, batch: dict[str, Any]) -> torch.Tensor:
        self.calls.append('select')
        self.batch = batch
        return torch.full((1, 5), self.value)


class Step:
    """A pipeline; `rename_map` is what LeRobot's first step has."""

    def __init__(self, change: Any, rename_map: dict[str, str] | None = None) -> None:
        self._change = change
        self.rename_map = rename_map or {}
        self.steps = [self]

    def reset(self) -> None:
        pass

    def __call__(self, value: Any) -> Any:
        return self._change(value)


@pytest.fixture
def lerobot(monkeypatch: pytest.MonkeyPatch) -> Policy:
    """Put a small LeRobot in place; return the policy that it loads."""
    policy = Policy()

    class Configuration:
        @staticmethod
        def from_pretrained(folder: str) -> Any:
            return types.SimpleNamespace(
                type='smolvla', chunk_size=6, n_action_steps=4, pretrained_backbone_weights='x'
            )

    def make(config: Any, pretrained_path: str, preprocessor_overrides: Any) -> Any:
        assert config.device == 'cpu'
        assert config.pretrained_backbone_weights is None
        rename = preprocessor_overrides.get('rename_observations_processor', {})
        return Step(lambda x: x, rename.get('rename_map')), Step(lambda x: x * 10)

    kind = types.SimpleNamespace(from_pretrained=lambda folder, config: policy)
    modules: dict[str, dict[str, Any]] = {
        'lerobot': {},
        'lerobot.policies': {},
        'lerobot.policies.factory': {
            'get_policy_class': lambda name: kind,
            'make_pre_post_processors': make,
        },
        'lerobot.configs': {},
        'lerobot.configs.policies': {'PreTrainedConfig': Configuration},
    }
    for name, content in modules.items():
        module = types.ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return policy


def test_it_says_what_to_install(new: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'lerobot', None)
    configure(new, type='smolvla')
    with pytest.raises(UnsupportedPolicyError, match=r"pip install 'lerobot\[smolvla\]'"):
        load(new)
    configure(new, type='vqbet')
    with pytest.raises(UnsupportedPolicyError, match='"vqbet" policies run through LeRobot'):
        load(new)


def test_chunks(new: Path, lerobot: Policy) -> None:
    configure(new, type='smolvla')
    policy = load(new, task='fold the towel')
    assert (policy.info.chunk_size, policy.info.n_action_steps) == (6, 4)
    chunk = policy.chunk([observation(policy)])
    assert chunk.tolist() == [[10.0] * 5] * 6
    assert lerobot.batch['task'] == 'fold the towel'
    image = lerobot.batch['observation.images.a']
    assert tuple(image.shape) == (1, 3, 40, 56)
    assert 0 <= image.min() <= image.max() <= 1
    resets = lerobot.resets
    policy.reset()
    assert lerobot.resets == resets + 1


def test_types_with_queues_of_their_own_are_asked_every_tick(new: Path, lerobot: Policy) -> None:
    configure(new, type='vqbet')
    policy = load(new)
    assert (policy.info.chunk_size, policy.info.n_action_steps) == (1, 1)
    assert policy.chunk([observation(policy)]).tolist() == [[10.0] * 5]
    assert lerobot.calls == ['select']


def test_names_of_observations(new: Path, lerobot: Policy) -> None:
    configure(new, type='smolvla')
    policy = load(new, rename_map={'observation.images.top': 'observation.images.a'})
    assert 'observation.images.top' in policy.info.input_features


def test_failures(new: Path, lerobot: Policy) -> None:
    configure(new, type='smolvla')
    policy = load(new)
    lerobot.value = float('nan')
    with pytest.raises(InferenceError, match='not finite'):
        policy.chunk([observation(policy)])
    lerobot.predict_action_chunk = lambda batch: 1 / 0  # type: ignore[assignment, return-value]
    with pytest.raises(InferenceError, match='LeRobot failed: ZeroDivisionError'):
        policy.chunk([observation(policy)])


def test_old_checkpoints_of_other_types(old: Path, lerobot: Policy) -> None:
    configure(old, type='smolvla')
    with pytest.raises(CheckpointError, match='migrate_policy_normalization'):
        load(old)
