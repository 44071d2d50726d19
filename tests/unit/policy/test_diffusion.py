"""Diffusion: noise that repeats itself, schedules, configurations that are refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from policy_node.checkpoint.description import describe
from policy_node.errors import CheckpointError
from policy_node.networks.diffusion.config import NoiseConfig, read_config
from policy_node.networks.diffusion.schedule import Schedule
from tests.unit.policy.conftest import FIXTURES, configure, load, observation

NAME = 'diffusion_v04_resize_bn'
SOURCE = FIXTURES / NAME / 'pretrained_model'


def noise_config(**fields: Any) -> NoiseConfig:
    known: dict[str, Any] = {
        'scheduler': 'DDPM',
        'train_steps': 100,
        'steps': 100,
        'betas': 'squaredcos_cap_v2',
        'beta_start': 1e-4,
        'beta_end': 0.02,
        'predicts_sample': False,
        'clip': None,
    }
    return NoiseConfig(**{**known, **fields})


@pytest.fixture
def config_only(tmp_path: Path) -> Path:
    target = tmp_path / 'config'
    target.mkdir()
    shutil.copyfile(SOURCE / 'config.json', target / 'config.json')
    return target


def test_a_seed_repeats_after_reset(whole: Callable[[str], Path]) -> None:
    policy = load(whole(NAME), seed=7)
    values = [observation(policy)] * 2
    first, second = policy.chunk(values), policy.chunk(values)
    policy.reset()
    assert policy.chunk(values).equal(first)
    assert not second.equal(first)
    assert load(whole(NAME), seed=7).chunk(values).equal(first)
    assert not load(whole(NAME), seed=8).chunk(values).equal(first)
    assert not load(whole(NAME)).chunk(values).equal(load(whole(NAME)).chunk(values))


def test_noise_is_drawn_as_lerobot_does(whole: Callable[[str], Path]) -> None:
    policy: Any = load(whole(NAME), seed=11)
    torch.manual_seed(11)
    assert policy._noise().equal(torch.randn(1, 16, 6))
    assert policy._noise().equal(torch.randn(1, 16, 6))


def test_the_network_leaves_the_global_generator_alone(whole: Callable[[str], Path]) -> None:
    policy = load(whole(NAME))
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    policy.chunk([observation(policy)] * 2)
    assert torch.rand(3).equal(wanted)


def test_scheduler_and_steps_can_be_chosen(whole: Callable[[str], Path]) -> None:
    def count(**overrides: Any) -> int:
        policy: Any = load(whole(NAME), overrides=overrides)
        assert policy.chunk([observation(policy)] * 2).isfinite().all()
        return len(policy._schedule.timesteps)

    assert count() == 7
    assert count(num_inference_steps=3) == 3
    assert count(noise_scheduler_type='DDPM', num_inference_steps=None) == 50


def test_timesteps_begin_below_the_last() -> None:
    assert Schedule(noise_config(steps=10)).timesteps[:2] == [90, 80]
    assert Schedule(noise_config(train_steps=50, steps=7)).timesteps[0] == 42


@pytest.mark.parametrize('scheduler', ['DDPM', 'DDIM'])
@pytest.mark.parametrize('betas', ['squaredcos_cap_v2', 'linear', 'scaled_linear'])
@pytest.mark.parametrize('predicts_sample', [False, True])
def test_a_perfect_network_finds_the_actions(
    scheduler: str, betas: str, predicts_sample: bool
) -> None:
    """Told the truth at each step, every schedule ends at the actions."""
    schedule = Schedule(
        noise_config(scheduler=scheduler, betas=betas, predicts_sample=predicts_sample, steps=20)
    )
    generator = torch.Generator().manual_seed(5)
    actions = torch.rand(1, 8, 3, generator=generator) * 2 - 1
    x = torch.randn(actions.shape, generator=generator)
    for timestep in schedule.timesteps:
        alpha = schedule.alphas[timestep]
        truth = actions if predicts_sample else (x - alpha.sqrt() * actions) / (1 - alpha).sqrt()
        noise = None
        if schedule.is_random and timestep:
            noise = torch.randn(actions.shape, generator=generator)
        x = schedule.step(truth, timestep, x, noise)
    assert (x - actions).abs().max() < 1e-3


def test_ddpm_against_float64() -> None:
    schedule = Schedule(noise_config(betas='linear', clip=1.0))
    random = np.random.default_rng(2)
    output, x, noise = random.normal(size=(3, 4, 2))
    beta = np.linspace(1e-4, 0.02, 100)
    bar = np.cumprod(1 - beta)
    t = 60
    clean = np.clip((x - np.sqrt(1 - bar[t]) * output) / np.sqrt(bar[t]), -1, 1)
    mean = (np.sqrt(bar[t - 1]) * beta[t] * clean + np.sqrt(1 - beta[t]) * (1 - bar[t - 1]) * x) / (
        1 - bar[t]
    )
    variance = beta[t] * (1 - bar[t - 1]) / (1 - bar[t])
    tensors = [torch.from_numpy(a).float() for a in (output, x, noise)]
    found = schedule.step(tensors[0], t, tensors[1], tensors[2])
    np.testing.assert_allclose(found, mean + np.sqrt(variance) * noise, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ('field', 'value', 'words'),
    [
        ('noise_scheduler_type', 'LCM', "'LCM' is not supported; DDPM and DDIM"),
        ('prediction_type', 'v_prediction', 'epsilon and sample'),
        ('beta_schedule', 'sigmoid', "'sigmoid' is not supported"),
        ('beta_start', 0.5, '"beta_start" must be above 0'),
        ('num_inference_steps', 51, 'must be 1 to 50'),
        ('horizon', 18, 'must be a multiple of 8'),
        ('n_action_steps', 16, 'must be at most 15'),
        ('down_dims', [16, 33], 'multiples of "n_groups": 4'),
        ('down_dims', [], 'list of some positive whole numbers'),
        ('kernel_size', 4, 'must be odd'),
        ('crop_ratio', 0, 'must be 1e-06 to 1'),
        ('resize_shape', [72], 'list of 2'),
        ('clip_sample_range', -1, 'must be 0 to'),
        ('vision_backbone', 'vgg', 'not supported'),
    ],
)
def test_config_values(config_only: Path, field: str, value: Any, words: str) -> None:
    configure(config_only, **{field: value})
    with pytest.raises(CheckpointError) as error:
        read_config(describe(config_only))
    assert words in str(error.value)


def test_crops_larger_than_the_picture(config_only: Path) -> None:
    configure(config_only, resize_shape=None, crop_shape=[97, 128])
    with pytest.raises(CheckpointError, match='cannot be cropped'):
        read_config(describe(config_only))


def test_cameras_of_different_sizes(config_only: Path) -> None:
    features = {
        key: {'type': 'VISUAL', 'shape': [3, height, 96]}
        for key, height in (('observation.images.a', 64), ('observation.images.b', 72))
    }
    configure(config_only, input_features=features)
    with pytest.raises(CheckpointError, match=r'must have one size\n.*no "observation.state"'):
        read_config(describe(config_only))


def test_defaults_are_those_of_the_lerobot_that_wrote_it(config_only: Path) -> None:
    import json

    path = config_only / 'config.json'
    whole = json.loads(path.read_text())
    silent = ('horizon', 'n_action_steps', 'use_group_norm', 'crop_shape')

    def read(**changes: Any) -> Any:
        fields = {k: v for k, v in {**whole, **changes}.items() if k not in silent}
        fields = {k: v for k, v in fields.items() if v != 'absent'}
        path.write_text(json.dumps(fields))
        return read_config(describe(config_only))

    assert read(resize_shape=None).crop is None
    assert read(resize_shape='absent', crop_ratio='absent').crop == (84, 84)
    assert (read().horizon, read().group_norm) == (16, True)
    newest = read(gradient_checkpointing=False)
    assert (newest.horizon, newest.n_action_steps, newest.group_norm) == (64, 32, False)
