"""ACT checkpoints of any size with random weights, in LeRobot 0.4's layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.policy_fixtures import write_safetensors
from policy_node.checkpoint.description import describe
from policy_node.checkpoint.features import ACTION_KEY, STATE_KEY
from policy_node.networks.act.config import read_config
from policy_node.networks.act.network import ActNetwork

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def write_random_act(
    folder: Path, cameras: Mapping[str, tuple[int, int]], joints: int = 6, **fields: Any
) -> Path:
    """Write a checkpoint and return its folder.

    Args:
        folder: a new folder.
        cameras: height and width by feature key.
        joints: numbers in state and action.
        fields: of config.json, in place of LeRobot's defaults.
    """
    folder.mkdir(parents=True)
    inputs: dict[str, Any] = {
        key: {'type': 'VISUAL', 'shape': [3, *size]} for key, size in cameras.items()
    }
    inputs[STATE_KEY] = {'type': 'STATE', 'shape': [joints]}
    outputs = {ACTION_KEY: {'type': 'ACTION', 'shape': [joints]}}
    config = {
        'type': 'act',
        'input_features': inputs,
        'output_features': outputs,
        'device': 'cpu',
        'use_vae': False,
        'pretrained_backbone_weights': None,
        **fields,
    }
    (folder / 'config.json').write_text(json.dumps(config, indent=2))
    _write_processors(folder, inputs, outputs)
    random = np.random.default_rng(0)
    with torch.device('meta'):
        shapes = ActNetwork(read_config(describe(folder))).state_dict()
    tensors = {
        f'model.{name}': _draw(random, name, tuple(tensor.shape)) for name, tensor in shapes.items()
    }
    write_safetensors(folder / 'model.safetensors', tensors)
    return folder


def _draw(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> Any:
    if name.endswith('running_var') or (len(shape) == 1 and name.endswith('weight')):
        return np.ones(shape, np.float32)
    scale = float(np.sqrt(2.0 / np.prod(shape[1:]))) if len(shape) > 1 else 0.1
    return (random.standard_normal(shape, np.float32) * np.float32(scale)).astype(np.float32)


def _write_processors(folder: Path, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    statistics = {}
    for key, entry in {**inputs, **outputs}.items():
        image = entry['type'] == 'VISUAL'
        mean, std = _IMAGENET if image else ([0.0] * entry['shape'][0], [30.0] * entry['shape'][0])
        shape = (3, 1, 1) if image else (-1,)
        statistics[f'{key}.mean'] = np.array(mean, np.float32).reshape(shape)
        statistics[f'{key}.std'] = np.array(std, np.float32).reshape(shape)
    norm_map = dict.fromkeys(('VISUAL', 'STATE', 'ACTION'), 'MEAN_STD')
    device = {
        'registry_name': 'device_processor',
        'config': {'device': 'cpu', 'float_dtype': None},
    }
    for name, step, features, others in (
        ('policy_preprocessor', 'normalizer_processor', {**inputs, **outputs}, 3),
        ('policy_postprocessor', 'unnormalizer_processor', outputs, 0),
    ):
        state_file = f'{name}_step_{others}_{step}.safetensors'
        write_safetensors(folder / state_file, statistics)
        scaling = {
            'registry_name': step,
            'config': {'eps': 1e-8, 'features': features, 'norm_map': norm_map},
            'state_file': state_file,
        }
        first = [
            {'registry_name': 'rename_observations_processor', 'config': {'rename_map': {}}},
            {'registry_name': 'to_batch_processor', 'config': {}},
            device,
        ]
        steps = [*first, scaling] if others else [scaling, device]
        (folder / f'{name}.json').write_text(json.dumps({'name': name, 'steps': steps}, indent=2))
