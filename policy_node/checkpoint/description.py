"""What a LeRobot checkpoint says of itself, its config.json; torch is not needed for it."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policy_node.checkpoint import hub
from policy_node.checkpoint.features import (
    ACTION_KEY,
    ENV_KEY,
    STATE_KEY,
    VISUAL,
    Feature,
    of_kind,
    parse_features,
)
from policy_node.errors import CheckpointError, PolicyError
from so101_driver.common.unreadable import is_lfs_pointer, why_unreadable

CONFIG = 'config.json'
WEIGHTS = 'model.safetensors'
PREPROCESSOR, POSTPROCESSOR = 'policy_preprocessor.json', 'policy_postprocessor.json'
# ACT and Diffusion have a few hundred megabytes.
LARGEST_WEIGHTS = 8 * 2**30
LARGEST_STATISTICS = 64 * 2**20
_PICKLES = ('.bin', '.pt', '.pth', '.ckpt', '.pkl', '.pickle')
_LARGEST_JSON = 2**20
_INSIDE = 'pretrained_model'
_MOST_NAMED = 5


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


def locate(path: str | Path, revision: str | None = None) -> Path:
    """Return the folder of a checkpoint, fetched from the Hub where `path` is a name there.

    Raises:
        PolicyError: when there is none, or only a pickle.
    """
    folder = Path(path).expanduser()
    if folder.is_dir():
        inside = folder / _INSIDE
        # LeRobot's `checkpoints/last` holds it beside the state of training.
        return inside if (inside / CONFIG).is_file() else folder
    if folder.is_file():
        words = 'is a file; give the folder that holds config.json and model.safetensors'
        if folder.suffix in _PICKLES:
            words = _no_pickles(folder.name)
        raise CheckpointError(folder, [words])
    hint = _alike(folder)
    if not hub.is_hub_name(str(path)):
        raise CheckpointError(folder, [f'there is no such folder{hint}'])
    try:
        return hub.fetch(str(path), revision)
    except PolicyError as error:
        raise PolicyError(f'{error}{hint}') from error


def _alike(folder: Path) -> str:
    """Return what a path may have been meant to be, from the part of it that exists."""
    there = folder
    while not there.is_dir():
        there = there.parent
    wanted = folder.relative_to(there).parts[:1]
    names = sorted(path.name for path in there.iterdir() if path.is_dir())
    close = difflib.get_close_matches(''.join(wanted), names, n=3, cutoff=0.5)
    # The folder of everything is no hint.
    if there in (Path(), Path('/')) and not close:
        return ''
    shown = close or names[:_MOST_NAMED]
    return f'; {there.absolute()} holds {", ".join(shown)}' if shown else ''


def _below(folder: Path) -> str:
    """Return where below a folder a checkpoint lies, for one that is given too high."""
    patterns = ('checkpoints/last', 'checkpoints/*', 'last', '*/checkpoints/last', '*')
    for pattern in patterns:
        found = sorted(folder.glob(f'{pattern}/{_INSIDE}/{CONFIG}'))
        if found:
            return f'; give {found[-1].parent.parent}'
    return ''


def describe(folder: Path) -> Description:
    """Read config.json.

    Raises:
        CheckpointError: when there is none, or it is not one of LeRobot 0.2 or later.
    """
    if not (folder / CONFIG).is_file():
        raise CheckpointError(folder, [f'holds no {CONFIG}{pickles(folder)}{_below(folder)}'])
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


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        CheckpointError: when it is missing, too large, or none.
    """
    try:
        with path.open('rb') as file:
            text = file.read(_LARGEST_JSON + 1)
        if len(text) > _LARGEST_JSON:
            raise ValueError('larger than 1 MB')
        value = json.loads(text)
    except OSError as error:
        raise CheckpointError(path, [f'cannot be read: {error.strerror}']) from None
    except (ValueError, RecursionError) as error:
        words = why_unreadable(path) if is_lfs_pointer(path) else f'is no sound JSON: {error}'
        raise CheckpointError(path, [words]) from None
    if not isinstance(value, dict):
        raise CheckpointError(path, ['is no JSON object'])
    return value


def pickles(folder: Path) -> str:
    """Return what to say of the pickles in a folder that lacks something; empty without any."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
    return f', and {_no_pickles(names[0])}' if names else ''


def _no_pickles(name: str) -> str:
    return (
        f'{name} is a pickle, which can run any code when it is read: it is never opened; '
        'save the weights as safetensors'
    )
