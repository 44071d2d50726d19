"""What happens to observations before a network and to its actions after: both checkpoint layouts.

LeRobot 0.4 and later write two pipelines as JSON with their statistics beside them; 0.3 and older
keep the statistics among the weights and the modes in config.json.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from policy_node.checkpoint.description import (
    LARGEST_STATISTICS,
    POSTPROCESSOR,
    PREPROCESSOR,
    read_json,
)
from policy_node.checkpoint.features import ACTION_KEY, VISUAL, Feature, parse_features
from policy_node.checkpoint.normalization import EPS, OLD_MODES, STATISTICS, Scaling, make_scaling
from policy_node.checkpoint.tensor_file import TensorFile
from policy_node.errors import CheckpointError

_NORMALIZE, _UNNORMALIZE = 'normalizer_processor', 'unnormalizer_processor'
_RENAME, _DEVICE = 'rename_observations_processor', 'device_processor'
# The steps of ACT and Diffusion, in LeRobot's order.
_STEPS = {
    PREPROCESSOR: (_RENAME, 'to_batch_processor', _DEVICE, _NORMALIZE),
    POSTPROCESSOR: (_UNNORMALIZE, _DEVICE),
}

Statistics = Callable[[str, tuple[str, ...]], Mapping[str, Tensor]]


@dataclasses.dataclass(frozen=True)
class Processing:
    """How observations get their names and scales, and actions theirs.

    Attributes:
        rename_map: name in the observation -> name in the policy, where they differ.
        inputs: scaling of each feature that has one.
        action: scaling of the action, None for none.
        notices: what a user should know about it.
    """

    rename_map: Mapping[str, str]
    inputs: Mapping[str, Scaling]
    action: Scaling | None
    notices: tuple[str, ...] = ()


def from_weights(
    config: Mapping[str, Any], file: TensorFile, features: Mapping[str, Feature]
) -> Processing:
    """Return the processing of the old layout.

    Args:
        config: config.json.
        file: the weights, with statistics among them.
        features: those that the network uses, the action included.

    Raises:
        CheckpointError: when statistics are missing or were never filled, or a mode is unknown.
    """
    problems: list[str] = []
    modes = _modes(config.get('normalization_mapping'), 'normalization_mapping', problems)
    problems += [
        f'normalization_mapping: {mode} does not exist in a checkpoint of this age'
        for mode in sorted(set(modes.values()) - set(OLD_MODES))
    ]

    def statistics(key: str, names: tuple[str, ...]) -> Mapping[str, Tensor]:
        group = 'unnormalize_outputs' if key == ACTION_KEY else 'normalize_inputs'
        stored = {name: f'{group}.buffer_{key.replace(".", "_")}.{name}' for name in names}
        if missing := [entry for entry in stored.values() if entry not in file.entries]:
            problems.append(f'statistics are missing: {", ".join(missing)}')
            return {}
        tensors = file.read(stored.values())
        return {name: tensors[entry] for name, entry in stored.items()}

    scalings = _scalings(features, modes, statistics, problems, old_formula=True)
    if problems:
        raise CheckpointError(file.path, problems)
    action = scalings.pop(ACTION_KEY, None)
    return Processing({}, scalings, action)


def from_pipelines(folder: Path, features: Mapping[str, Feature]) -> Processing:
    """Return the processing of the new layout.

    Args:
        folder: the checkpoint.
        features: those that the network uses, the action included.

    Raises:
        CheckpointError: when a pipeline is missing, has steps of its own, or lacks statistics.
    """
    before = _Pipeline(folder / PREPROCESSOR)
    after = _Pipeline(folder / POSTPROCESSOR)
    observed = {key: feature for key, feature in features.items() if key != ACTION_KEY}
    inputs = before.scalings(_NORMALIZE, observed)
    outputs = after.scalings(_UNNORMALIZE, {ACTION_KEY: features[ACTION_KEY]})
    rename_map = before.config(_RENAME).get('rename_map') or {}
    if not isinstance(rename_map, dict) or not all(isinstance(v, str) for v in rename_map.values()):
        before.problems.append(f'rename_map must map names to names, it is {rename_map!r:.80}')
    for pipeline in (before, after):
        if pipeline.problems:
            raise CheckpointError(pipeline.path, pipeline.problems)
    return Processing(
        rename_map, inputs, outputs.get(ACTION_KEY), (*before.notices, *after.notices)
    )


class _Pipeline:
    """One of the two JSON files; `problems` and `notices` gather what is wrong or worth saying."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self.notices: list[str] = []
        self._steps: dict[str, Mapping[str, Any]] = {}
        allowed = _STEPS[path.name]
        steps = read_json(path).get('steps')
        names = []
        if not isinstance(steps, list):
            self.problems.append(f'"steps" must be a list, it is {steps!r:.40}')
            steps = []
        for step in steps:
            name = step.get('registry_name') or step.get('class') if isinstance(step, dict) else ''
            if name not in allowed:
                self.problems.append(
                    f'step "{name}" is not one of LeRobot\'s for this policy; '
                    'a customised checkpoint runs only in the LeRobot that made it'
                )
            else:
                names.append(name)
                self._steps[name] = step
        if names != [name for name in allowed if name in names]:
            self.problems.append(f"its steps stand in another order than LeRobot's: {names}")
        dtype = self.config(_DEVICE).get('float_dtype')
        if dtype not in (None, 'float32'):
            self.problems.append(
                f'"float_dtype": {dtype!r} is not supported; set it to null and choose `precision`'
            )

    def config(self, name: str) -> Mapping[str, Any]:
        """Return the settings of a step; none where it is not there."""
        config = self._steps.get(name, {}).get('config', {})
        return config if isinstance(config, Mapping) else {}

    def scalings(self, name: str, features: Mapping[str, Feature]) -> dict[str, Scaling]:
        """Return what the normalising step does to the features that a network uses."""
        if name not in self._steps:
            self.notices.append(f'{self.path.name} has no {name}: nothing is scaled there')
            return {}
        config = self.config(name)
        own = parse_features(config.get('features'), f'{name}.features', self.problems)
        modes = _modes(config.get('norm_map'), f'{name}.norm_map', self.problems)
        only = config.get('normalize_observation_keys')
        eps = config.get('eps', EPS)
        if not isinstance(eps, float) or not 0 <= eps < 1:
            self.problems.append(f'{name}.eps: {eps!r:.40} must be a small number')
            eps = EPS
        stored = self._statistics(name)
        chosen = {
            key: own[key]
            for key in features
            if key in own and (not only or key in only or key == ACTION_KEY)
        }

        def statistics(key: str, names: tuple[str, ...]) -> Mapping[str, Tensor]:
            found = stored.get(key, {})
            if not all(stat in found for stat in names):
                # As LeRobot does: the network was trained on the bare values then.
                self.notices.append(f'no {"/".join(names)} of "{key}": it is not scaled')
                return {}
            return found

        return _scalings(chosen, modes, statistics, self.problems, eps=eps)

    def _statistics(self, name: str) -> dict[str, dict[str, Tensor]]:
        state_file = self._steps[name].get('state_file')
        if state_file is None:
            return {}
        if not isinstance(state_file, str) or Path(state_file).name != state_file:
            self.problems.append(f'state_file {state_file!r:.80} is no plain file name')
            return {}
        try:
            file = TensorFile(self.path.parent / state_file, LARGEST_STATISTICS)
            tensors = file.read(file.entries)
        except CheckpointError as error:
            self.problems.append(str(error))
            return {}
        found: dict[str, dict[str, Tensor]] = {}
        for full, tensor in tensors.items():
            key, _, statistic = full.rpartition('.')
            found.setdefault(key, {})[statistic] = tensor
        return found


def _modes(raw: Any, name: str, problems: list[str]) -> dict[str, str]:
    """Return feature kind -> mode; a kind that is not there is IDENTITY."""
    if not isinstance(raw, Mapping):
        problems.append(f'"{name}" must be an object, it is {raw!r:.80}')
        return {}
    for kind, mode in raw.items():
        if mode not in STATISTICS:
            problems.append(f'{name}.{kind}: {mode!r:.40} is not one of {", ".join(STATISTICS)}')
    return {kind: mode for kind, mode in raw.items() if mode in STATISTICS}


def _scalings(
    features: Mapping[str, Feature],
    modes: Mapping[str, str],
    statistics: Statistics,
    problems: list[str],
    *,
    old_formula: bool = False,
    eps: float = EPS,
) -> dict[str, Scaling]:
    scalings = {}
    for key, feature in features.items():
        mode = modes.get(feature.kind, 'IDENTITY')
        names = STATISTICS[mode]
        found = statistics(key, names) if names else {}
        if not found:
            continue
        shape = (3, 1, 1) if feature.kind == VISUAL else feature.shape
        wrong = [
            f'{key}.{name}: shape {list(found[name].shape)} instead of {list(shape)}'
            for name in names
            if found[name].numel() != shape[0] or found[name].ndim not in (1, len(shape))
        ] or [
            f'{key}.{name} holds values that are not finite: it was never filled'
            for name in names
            if not torch.isfinite(found[name]).all()
        ]
        problems += wrong
        if not wrong:
            ready = {name: found[name].to(torch.float32).reshape(shape) for name in names}
            scaling = make_scaling(mode, ready, old_formula=old_formula, eps=eps)
            if scaling is not None:
                scalings[key] = scaling
    return scalings
