"""What a policy takes and gives: names, kinds and shapes of features, as LeRobot has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

STATE, ENV, VISUAL, ACTION = 'STATE', 'ENV', 'VISUAL', 'ACTION'
KINDS = (STATE, ENV, VISUAL, ACTION, 'REWARD', 'LANGUAGE')
STATE_KEY = 'observation.state'
ENV_KEY = 'observation.environment_state'
ACTION_KEY = 'action'
_LARGEST_SIDE = 16384


@dataclasses.dataclass(frozen=True)
class Feature:
    """One feature: its kind and its shape (images are channels, height, width)."""

    kind: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Length of a vector feature; 0 for anything else."""
        return self.shape[0] if len(self.shape) == 1 else 0


def parse_features(raw: Any, name: str, problems: list[str]) -> dict[str, Feature]:
    """Return the features of a JSON object in its order; what is wrong goes into `problems`.

    Args:
        raw: `{key: {"type": "STATE", "shape": [6]}}`.
        name: how the object is called in the file.
        problems: gets one sentence for each mistake.
    """
    if not isinstance(raw, Mapping):
        problems.append(f'"{name}" must be an object of features, it is {raw!r:.80}')
        return {}
    features = {}
    for key, entry in raw.items():
        kind = entry.get('type') if isinstance(entry, Mapping) else None
        shape = entry.get('shape') if isinstance(entry, Mapping) else None
        if kind not in KINDS:
            problems.append(f'{name}.{key}: type {kind!r:.40} is not one of {", ".join(KINDS)}')
        elif not isinstance(shape, list) or not all(_is_side(side) for side in shape):
            problems.append(f'{name}.{key}: shape {shape!r:.60} is not a list of sizes')
        elif kind == VISUAL and (len(shape) != 3 or shape[0] != 3):
            problems.append(f'{name}.{key}: an image must be [3, height, width], not {shape}')
        else:
            features[str(key)] = Feature(kind, tuple(shape))
    return features


def of_kind(features: Mapping[str, Feature], kind: str) -> dict[str, Feature]:
    """Return the features of one kind, in order."""
    return {key: feature for key, feature in features.items() if feature.kind == kind}


def _is_side(side: Any) -> bool:
    return type(side) is int and 0 < side <= _LARGEST_SIDE
