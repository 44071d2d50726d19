"""What a policy is to the rest of the program, and how its observations look."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from policy_node.checkpoint.features import VISUAL, Feature

if TYPE_CHECKING:
    from torch import Tensor

# By feature key: vectors (n,) float32 in dataset units; images RGB, either uint8 (height, width, 3)
# or float32 (3, height, width) from 0 to 1. NumPy arrays or torch tensors.
Observation = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Options:
    """What a user chooses for a checkpoint.

    Attributes:
        device: auto, cpu, cuda or mps.
        precision: float32, bf16 or fp16.
        compile: hand the network to torch.compile; the first chunks then take minutes.
        seed: noise of Diffusion repeats itself after every reset; None for new noise.
        rename_map: name of an observation -> name in the checkpoint, besides its own map.
        overrides: fields of config.json to replace, of those in `OVERRIDES`.
        revision: branch, tag or commit of a checkpoint on the Hub.
        task: what to do, in words, for policies that take them.
        rtc_horizon: Real-Time Chunking: actions over which a chunk is guided by the one before;
            0 without.
    """

    device: str = 'auto'
    precision: str = 'float32'
    compile: bool = False
    seed: int | None = None
    rename_map: Mapping[str, str] = dataclasses.field(default_factory=dict)
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    revision: str | None = None
    task: str = ''
    rtc_horizon: int = 0


# Fields that leave the weights as they are.
OVERRIDES = (
    'n_action_steps',
    'temporal_ensemble_coeff',
    'noise_scheduler_type',
    'num_inference_steps',
)


@dataclasses.dataclass(frozen=True)
class PolicyInfo:
    """What a runtime must know of a policy.

    Attributes:
        kind: LeRobot's name of the policy type.
        input_features: what `chunk` needs, under the names that observations carry; images in
            the policy's order.
        output_features: `action` and its size.
        n_obs_steps: observations that one chunk is computed from.
        chunk_size: actions in one chunk.
        n_action_steps: actions executed of a chunk before the next is computed.
        ensemble_coeff: weight of temporal ensembling, None without.
        device: where it runs.
        precision: what it computes in.
        rtc_horizon: actions over which a chunk is guided by the one before; 0: not at all.
        fps: rate it was trained at; LeRobot's checkpoints do not tell.
        notices: sentences for the log.
    """

    kind: str
    input_features: Mapping[str, Feature]
    output_features: Mapping[str, Feature]
    n_obs_steps: int
    chunk_size: int
    n_action_steps: int
    ensemble_coeff: float | None
    device: str
    precision: str
    rtc_horizon: int = 0
    fps: float | None = None
    notices: tuple[str, ...] = ()


class Ahead(NamedTuple):
    """Where the arm is in the last chunk, for a policy with Real-Time Chunking.

    Attributes:
        used: its actions that were executed before the newest observation.
        delay: further actions of it that will be executed before the next chunk is there.
    """

    used: int
    delay: int


class Policy(Protocol):
    """A loaded policy; one thread at a time may call it."""

    @property
    def info(self) -> PolicyInfo:
        """What it takes and gives."""

    def reset(self) -> None:
        """Forget the episode that was."""

    def chunk(self, history: Sequence[Observation], ahead: Ahead | None = None) -> Tensor:
        """Return the next actions, float32 (chunk_size, action size) on the CPU, dataset units.

        Args:
            history: the last `n_obs_steps` observations, the newest last. Row 0 of the result is
                the action for the newest one.
            ahead: where the arm is in the last chunk; only of use with `rtc_horizon`.

        Raises:
            InferenceError: when an observation does not fit or the result is not finite.
        """


def zero_observation(info: PolicyInfo) -> dict[str, NDArray[Any]]:
    """Return an observation of zeros: black images, joints at zero."""
    return {
        key: np.zeros((*feature.shape[1:], 3), np.uint8)
        if feature.kind == VISUAL
        else np.zeros(feature.shape, np.float32)
        for key, feature in info.input_features.items()
    }


def warm_up(policy: Policy, runs: int = 2) -> float:
    """Run a policy on zeros, so that the first real chunk is not the slow one.

    Returns:
        Duration of the last run in seconds.

    Raises:
        InferenceError: when it cannot run.
    """
    start_s = time.perf_counter()
    for _ in range(runs):
        start_s = time.perf_counter()
        policy.chunk([zero_observation(policy.info)] * policy.info.n_obs_steps)
    policy.reset()
    return time.perf_counter() - start_s
