"""A LeRobot `pretrained_model` folder, opened and checked; no network is built here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policy_node import hub
from policy_node.errors import CheckpointError, UnsupportedPolicyError
from policy_node.features import (
    ACTION,
    ACTION_KEY,
    ENV_KEY,
    STATE_KEY,
    VISUAL,
    Feature,
    of_kind,
    parse_features,
)
from policy_node.processing import PREPROCESSOR, Processing, from_pipelines, from_weights, read_json
from policy_node.tensor_file import TensorFile

CONFIG, WEIGHTS = 'config.json', 'model.safetensors'
# ACT and Diffusion have a few hundred megabytes.
LARGEST_WEIGHTS = 8 * 2**30
_PICKLES = ('.bin', '.pt', '.pth', '.ckpt', '.pkl', '.pickle')
_OLD_GROUPS = ('normalize_inputs.', 'unnormalize_outputs.')


@dataclasses.dataclass(frozen=True)
class Description:
    """What config.json says of any policy.

    Attributes:
        folder: the checkpoint.
        kind: LeRobot's name of the policy type.
        config: the whole of config.json.
        input_features: by key, in the file's order, which is the order of cameras.
        output_features: by key.
    """

    folder: Path
    kind: str
    config: Mapping[str, Any]
    input_features: Mapping[str, Feature]
    output_features: Mapping[str, Feature]

    @property
    def cameras(self) -> dict[str, Feature]:
        """Image features, in the order in which networks take them."""
        return of_kind(self.input_features, VISUAL)

    @property
    def used_features(self) -> dict[str, Feature]:
        """Inputs that ACT and Diffusion read; other columns may be there and are not needed."""
        return {
            key: feature
            for key, feature in self.input_features.items()
            if feature.kind == VISUAL or key in (STATE_KEY, ENV_KEY)
        }

    def size(self, key: str) -> int:
        """Return the length of a vector input, 0 where the policy does not take it."""
        feature = self.input_features.get(key)
        return feature.size if feature else 0

    @property
    def action_size(self) -> int:
        """Numbers in one action."""
        return self.output_features[ACTION_KEY].size


@dataclasses.dataclass(frozen=True)
class Checkpoint(Description):
    """A checkpoint whose weights and processing are at hand, for the networks of this package."""

    weights: TensorFile
    processing: Processing
    old_layout: bool


def locate(path: str | Path, revision: str | None = None) -> Path:
    """Return the folder of a checkpoint, fetched from the Hub where `path` is a name there.

    Raises:
        PolicyError: when there is none, or only a pickle.
    """
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        words = 'is a file; give the folder that holds config.json and model.safetensors'
        if folder.suffix in _PICKLES:
            words = _no_pickles(folder.name)
        raise CheckpointError(folder, [words])
    if hub.is_hub_name(str(path)):
        return hub.fetch(str(path), revision)
    raise CheckpointError(folder, ['there is no such folder'])


def describe(folder: Path) -> Description:
    """Read config.json.

    Raises:
        CheckpointError: when there is none, or it is not one of LeRobot 0.2 or later.
    """
    if not (folder / CONFIG).is_file():
        words = f'holds no {CONFIG}'
        inside = folder / 'pretrained_model'
        if (inside / CONFIG).is_file():
            words += f'; did you mean {inside}?'
        elif pickles := _pickles(folder):
            words += f', and {_no_pickles(pickles[0])}'
        raise CheckpointError(folder, [words])
    config = read_json(folder / CONFIG)
    if 'input_shapes' in config:
        raise CheckpointError(
            folder / CONFIG,
            ['is older than LeRobot 0.2 ("input_shapes"): no later LeRobot reads it; train again'],
        )
    problems: list[str] = []
    kind = config.get('type')
    if not isinstance(kind, str):
        problems.append(f'"type" must name the policy, it is {kind!r:.40}')
    inputs = parse_features(config.get('input_features'), 'input_features', problems)
    outputs = parse_features(config.get('output_features'), 'output_features', problems)
    if problems:
        raise CheckpointError(folder / CONFIG, problems)
    return Description(folder, str(kind), config, inputs, outputs)


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
    words = f'holds no {WEIGHTS}'
    if pickles := _pickles(folder):
        words += f', and {_no_pickles(pickles[0])}'
    raise CheckpointError(folder, [words])


def _pickles(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)


def _no_pickles(name: str) -> str:
    return (
        f'{name} is a pickle, which can run any code when it is read: it is never opened; '
        'save the weights as safetensors'
    )
