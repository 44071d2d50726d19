"""Checkpoints to load, to break, and to compare."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.policy_fixtures import materialize, write_safetensors
from bench.random_act import write_random_act
from policy_node.checkpoint.tensor_file import TensorFile
from policy_node.networks.policies import load_policy
from policy_node.networks.policy import Options, Policy
from tests.conftest import REPOSITORY

FIXTURES = REPOSITORY / 'tests' / 'data' / 'policy'
SMALL = {
    'chunk_size': 6,
    'n_action_steps': 4,
    'dim_model': 16,
    'n_heads': 2,
    'dim_feedforward': 24,
    'n_encoder_layers': 1,
    'latent_dim': 4,
}


@pytest.fixture(scope='session')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the checkpoint of a fixture by name, made whole once; not to be changed."""
    folder = tmp_path_factory.mktemp('whole')

    def get(name: str) -> Path:
        target = folder / name
        return target if target.exists() else materialize(FIXTURES / name, target)

    return get


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A small checkpoint of the old layout, to be broken: ACT without images."""
    target = tmp_path / 'old'
    shutil.copytree(FIXTURES / 'act_v03_minmax' / 'pretrained_model', target)
    return target


@pytest.fixture(scope='session')
def _new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('new') / 'act'
    cameras = {'observation.images.a': (40, 56), 'observation.images.b': (48, 40)}
    return write_random_act(folder, cameras, 5, **SMALL)


@pytest.fixture
def new(_new: Path, tmp_path: Path) -> Path:
    """A checkpoint of the new layout, to be broken: ACT with two cameras of different sizes."""
    target = tmp_path / 'new'
    # Weights are linked: tests that change them write a new file.
    shutil.copytree(_new, target, copy_function=lambda a, b: Path(b).hardlink_to(a))
    for path in target.glob('*.json'):
        text = path.read_text()
        path.unlink()
        path.write_text(text)
    return target


def load(folder: Path, **options: Any) -> Policy:
    """Load a checkpoint on the CPU."""
    return load_policy(folder, Options(device='cpu', **options))


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file."""
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def configure(folder: Path, **fields: Any) -> None:
    """Set fields of config.json."""
    edit(folder / 'config.json', lambda config: config.update(fields))


def change_tensors(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a safetensors file; tensors are NumPy arrays by name."""
    file = TensorFile(path, 2**30)
    tensors: dict[str, Any] = {name: t.numpy() for name, t in file.read(file.entries).items()}
    change(tensors)
    path.unlink()
    write_safetensors(path, tensors)


def observation(policy: Policy, seed: int = 0) -> dict[str, Any]:
    """Return made-up values for everything a policy takes."""
    random = np.random.default_rng(seed)
    return {
        key: random.integers(0, 256, (*feature.shape[1:], 3), np.uint8)
        if feature.kind == 'VISUAL'
        else random.normal(size=feature.shape).astype(np.float32)
        for key, feature in policy.info.input_features.items()
    }


@pytest.fixture(autouse=True, scope='session')
def _two_threads() -> None:
    torch.set_num_threads(2)
