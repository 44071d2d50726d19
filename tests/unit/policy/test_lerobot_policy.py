"""Policy types that LeRobot runs, with a stand-in for it."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch

from policy_node.errors import CheckpointError, InferenceError, UnsupportedPolicyError
from policy_node.networks.policy import Ahead
from tests.unit.policy.conftest import configure, load, observation


class Policy:
    """What LeRobot's policies have of methods; actions count upwards."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.resets = 0
        self.value = 1.0
        self.guidance: dict[str, Any] = {}
        self.config = types.SimpleNamespace()

    def to(self, device: torch.device) -> Policy:
        return self

    def eval(self) -> Policy:
        return self

    def reset(self) -> None:
        self.resets += 1

    def predict_action_chunk(self, batch: dict[str, Any], **guidance: Any) -> torch.Tensor:
        self.calls.append('chunk')
        self.batch, self.guidance = batch, guidance
        rows = torch.arange(6)[None, :, None] / 10
        return torch.full((1, 6, 5), self.value) + (rows if guidance else 0)

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
            policy.config = types.SimpleNamespace(
                type='smolvla', chunk_size=6, n_action_steps=4, pretrained_backbone_weights='x',
                rtc_config=None,
            )  # fmt: skip
            return policy.config

    def make(config: Any, pretrained_path: str, preprocessor_overrides: Any) -> Any:
        assert config.device == 'cpu'
        assert config.pretrained_backbone_weights is None
        rename = preprocessor_overrides.get('rename_observations_processor', {})
        return Step(lambda x: x, rename.get('rename_map')), Step(lambda x: x * 10)

    kind = types.SimpleNamespace(
        from_pretrained=lambda folder, config: policy, init_rtc_processor=lambda: None
    )
    modules: dict[str, dict[str, Any]] = {
        'lerobot': {},
        'lerobot.policies': {},
        'lerobot.policies.factory': {
            'get_policy_class': lambda name: kind,
            'make_pre_post_processors': make,
        },
        'lerobot.policies.rtc': {},
        'lerobot.policies.rtc.configuration_rtc': {'RTCConfig': types.SimpleNamespace},
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


def test_real_time_chunking_hands_over_what_is_left_of_the_last_chunk(
    new: Path, lerobot: Policy
) -> None:
    configure(new, type='smolvla')
    policy = load(new, rtc_horizon=3)
    assert policy.info.rtc_horizon == 3
    assert vars(lerobot.config.rtc_config) == {'enabled': True, 'execution_horizon': 3}
    first = policy.chunk([observation(policy)])
    assert lerobot.guidance == {'inference_delay': 0, 'prev_chunk_left_over': None}
    policy.chunk([observation(policy)], Ahead(used=2, delay=1))
    assert lerobot.guidance['inference_delay'] == 1
    left = lerobot.guidance['prev_chunk_left_over']
    assert torch.allclose(left * 10, first[2:5]), 'before the post-processing, at most 3 rows'
    policy.chunk([observation(policy)], Ahead(used=6, delay=1))
    assert lerobot.guidance['prev_chunk_left_over'] is None
    policy.reset()
    policy.chunk([observation(policy)], Ahead(used=2, delay=1))
    assert lerobot.guidance['prev_chunk_left_over'] is None, 'the episode before is forgotten'


def test_real_time_chunking_is_refused_where_there_is_none(
    new: Path, lerobot: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnsupportedPolicyError, match='"act" has no Real-Time Chunking'):
        load(new, rtc_horizon=10)
    configure(new, type='smolvla')
    factory = sys.modules['lerobot.policies.factory']
    monkeypatch.setattr(factory, 'get_policy_class', lambda name: types.SimpleNamespace())
    with pytest.raises(UnsupportedPolicyError, match='"smolvla" has no Real-Time Chunking'):
        load(new, rtc_horizon=10)


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
