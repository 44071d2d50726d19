"""A LeRobot `pretrained_model` folder, opened and checked; no network is built here."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from policy_node.checkpoint.description import (
    CONFIG,
    LARGEST_WEIGHTS,
    PREPROCESSOR,
    WEIGHTS,
    Description,
    pickles,
)
from policy_node.checkpoint.features import ACTION, ACTION_KEY, VISUAL
from policy_node.checkpoint.processing import Processing, from_pipelines, from_weights
from policy_node.checkpoint.tensor_file import TensorFile
from policy_node.errors import CheckpointError, UnsupportedPolicyError

_OLD_GROUPS = ('normalize_inputs.', 'unnormalize_outputs.')


@dataclasses.dataclass(frozen=True)
class Checkpoint(Description):
    """A checkpoint whose weights and processing are at hand, for the networks of this package."""

    weights: TensorFile
    processing: Processing
    old_layout: bool


def open_checkpoint(description: Description) -> Checkpoint:
    """Open weights and processing of an ACT or Diffusion checkpoint.

    Raises:
        CheckpointError: with everything found wrong in the first file that has something wrong.
        UnsupportedPolicyError: for adapters, sharded weights and pickles.
    """
    folder, config = description.folder, description.config
    action = description.output_features.get(ACTION_KEY)
    if action is None or action.kind != ACTION or not action.size:
        raise CheckpointError(folder / CONFIG, ['"output_features" has no "action" vector'])
    wrong = [
        f'input_features.{key}: must be a vector, not {list(feature.shape)}'
        for key, feature in description.used_features.items()
        if feature.kind != VISUAL and not feature.size
    ]
    if wrong:
        raise CheckpointError(folder / CONFIG, wrong)
    if config.get('use_peft') or (folder / 'adapter_config.json').exists():
        raise UnsupportedPolicyError(
            f'{folder}: holds adapters (PEFT), not whole weights; merge them with LeRobot first'
        )
    weights = TensorFile(_weights(folder), LARGEST_WEIGHTS)
    features = {**description.used_features, ACTION_KEY: action}
    old_layout = not (folder / PREPROCESSOR).exists()
    if not old_layout:
        processing = from_pipelines(folder, features)
    elif any(name.startswith(_OLD_GROUPS) for name in weights.entries):
        processing = from_weights(config, weights, features)
    elif set((config.get('normalization_mapping') or {'': ''}).values()) <= {'IDENTITY'}:
        processing = Processing({}, {}, None)
    else:
        raise CheckpointError(
            folder, [f'has no statistics: neither {PREPROCESSOR} nor any among the weights']
        )
    return Checkpoint(
        **vars(description), weights=weights, processing=processing, old_layout=old_layout
    )


def _weights(folder: Path) -> Path:
    path = folder / WEIGHTS
    if path.is_file():
        return path
    if any(folder.glob('pytorch_model_fsdp*')) or any(folder.glob('*.distcp')):
        raise UnsupportedPolicyError(
            f'{folder}: weights are sharded; `lerobot-convert-dcp` makes a {WEIGHTS} of them'
        )
    raise CheckpointError(folder, [f'holds no {WEIGHTS}' + pickles(folder)])
