"""What ACT and Diffusion have in common: names, checks, scales, device and precision."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from policy_node.checkpoint.checkpoint import Checkpoint
from policy_node.checkpoint.features import VISUAL, Feature
from policy_node.checkpoint.tensors import as_floats, as_tensor
from policy_node.errors import InferenceError
from policy_node.networks.device import choose_device, choose_precision
from policy_node.networks.policy import Ahead, Observation, Options, PolicyInfo

Frame = Mapping[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Steps:
    """How many observations and actions a policy works with; see `PolicyInfo`."""

    observed: int
    chunk: int
    executed: int
    ensemble_coeff: float | None = None


class TorchPolicy(abc.ABC):
    """A network of this package between a checkpoint's processing steps.

    Args:
        checkpoint: where statistics and features come from.
        network: with its weights, ready to run.
        steps: its counts.
        options: device, precision, compilation, names.
        notices: sentences of the loading.

    Attributes:
        network: it, on its device.
        info: see `Policy`.

    Raises:
        UnsupportedPolicyError: when the device or precision is not to be had.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        network: nn.Module,
        steps: Steps,
        options: Options,
        notices: Sequence[str] = (),
    ) -> None:
        self._device = choose_device(options.device)
        self._dtype, notice = choose_precision(options.precision, self._device)
        self.network = network.eval().requires_grad_(False).to(self._device, self._dtype)
        if options.compile:
            self.network.compile()
        processing = checkpoint.processing
        self._inputs = {k: s.to(self._device) for k, s in processing.inputs.items()}
        self._rows = {
            key: self._inputs[key].of_rows(feature.shape[2])
            for key, feature in checkpoint.cameras.items()
            if key in self._inputs
        }
        self._action = processing.action
        given = {**processing.rename_map, **options.rename_map}
        arrives_as = {new: old for old, new in given.items()}
        self._features = checkpoint.used_features
        self._cameras = list(checkpoint.cameras)
        self._arrives_as = {key: arrives_as.get(key, key) for key in self._features}
        self.info = PolicyInfo(
            kind=checkpoint.kind,
            input_features={self._arrives_as[k]: f for k, f in self._features.items()},
            output_features=checkpoint.output_features,
            n_obs_steps=steps.observed,
            chunk_size=steps.chunk,
            n_action_steps=steps.executed,
            ensemble_coeff=steps.ensemble_coeff,
            device=str(self._device),
            precision=options.precision,
            notices=tuple(filter(None, (*processing.notices, *notices, notice))),
        )

    def chunk(self, history: Sequence[Observation], ahead: Ahead | None = None) -> Tensor:
        """Return the next actions; see `Policy.chunk`."""
        if len(history) != self.info.n_obs_steps:
            raise InferenceError(
                f'{len(history)} observations given, {self.info.n_obs_steps} needed'
            )
        with torch.inference_mode():
            try:
                normalized = self._infer([self._frame(observation) for observation in history])
            except (RuntimeError, ValueError) as error:
                raise InferenceError(f'the network failed: {error}') from error
            actions = normalized.to('cpu', torch.float32)
            if self._action:
                actions = self._action.unnormalize(actions)
        if not torch.isfinite(actions).all():
            raise InferenceError('the network gave values that are not finite')
        return actions

    @abc.abstractmethod
    def _infer(self, frames: Sequence[Frame]) -> Tensor:
        """Return a normalised chunk (chunk_size, action size) for normalised observations."""

    def _frame(self, observation: Observation) -> dict[str, Tensor]:
        """Return what the network sees: vectors (n,), images (1, 3, height, width)."""
        problems: list[str] = []
        frame = {}
        for key, feature in self._features.items():
            name = self._arrives_as[key]
            if name not in observation:
                problems.append(f'"{name}" is missing')
                continue
            value = as_tensor(observation[name])
            if not _fits(value, feature):
                problems.append(
                    f'"{name}" is {value.dtype} {list(value.shape)}, {feature.shape} is needed'
                )
                continue
            value = self._scaled(key, value.to(self._device)).to(self._dtype)
            if feature.kind == VISUAL:
                value = value[None].contiguous(memory_format=torch.channels_last)
            frame[key] = value
        if problems:
            raise InferenceError('the observation does not fit: ' + '; '.join(problems))
        return frame

    def _scaled(self, key: str, value: Tensor) -> Tensor:
        if key not in self._inputs:
            return as_floats(value)
        if value.dtype == torch.uint8:
            rows = self._rows[key].normalize(value.flatten(1).to(torch.float32))
            return rows.unflatten(1, (-1, 3)).permute(2, 0, 1)
        return self._inputs[key].normalize(value.to(torch.float32))


def _fits(value: Tensor, feature: Feature) -> bool:
    if value.dtype == torch.uint8 and feature.kind == VISUAL:
        return tuple(value.shape) == (*feature.shape[1:], feature.shape[0])
    return value.dtype.is_floating_point and tuple(value.shape) == feature.shape
