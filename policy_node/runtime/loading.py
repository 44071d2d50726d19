"""From the node's parameters to a policy that is loaded, checked against the robot, and warm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from policy_node.checkpoint.features import VISUAL, Feature
from policy_node.checkpoint.matching import mismatches
from policy_node.errors import CheckpointError
from policy_node.networks.policies import load_policy
from policy_node.networks.policy import Ahead, Observation, Options, Policy, PolicyInfo, warm_up
from policy_node.runtime.config import RTC, PolicyConfig
from recorder_node.contract.contract import Contract
from recorder_node.log import Log


def load(config: PolicyConfig, contract: Contract, log: Log) -> Policy:
    """Load the checkpoint, refuse it when it does not fit the robot, and run it twice on zeros.

    Raises:
        PolicyError: when it cannot be loaded, does not fit, or does not run.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    policy = load_policy(
        config.policy_path,
        Options(
            device=config.device,
            precision=config.precision,
            compile=config.compile,
            seed=None if config.noise_seed < 0 else config.noise_seed,
            rename_map=config.renames(),
            overrides=config.overrides(),
            task=config.task,
            rtc_horizon=config.rtc_horizon if config.queue == RTC else 0,
        ),
    )
    info = policy.info
    for notice in info.notices:
        log.warning(notice)
    if found := mismatches(info.input_features, info.output_features, contract, config.resize):
        raise CheckpointError(config.policy_path, found)
    if info.fps is not None and round(info.fps) != config.fps:
        log.warning(
            f'the policy was trained at {info.fps:g} fps and runs at {config.fps}: it moves '
            f'{config.fps / info.fps:.2f} times as fast as it was taught'
        )
    seconds = warm_up(policy)
    log.info(
        f'{info.kind} from {config.policy_path} on {info.device} in {info.precision}: '
        f'{info.n_action_steps} of {info.chunk_size} actions per chunk, {seconds * 1e3:.0f} ms each'
    )
    return Resized(policy) if config.resize else policy


class Resized:
    """A policy that takes pictures of any size and scales them to its own."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    @property
    def info(self) -> PolicyInfo:
        """See `Policy`."""
        return self._policy.info

    def reset(self) -> None:
        """See `Policy`."""
        self._policy.reset()

    def chunk(self, history: Sequence[Observation], ahead: Ahead | None = None) -> torch.Tensor:
        """See `Policy`."""
        features = self.info.input_features
        scaled = [
            {
                name: _scaled(value, features[name]) if name in features else value
                for name, value in observation.items()
            }
            for observation in history
        ]
        return self._policy.chunk(scaled, ahead)


def _scaled(value: NDArray[Any], feature: Feature) -> NDArray[Any]:
    if feature.kind != VISUAL or value.shape[:2] == feature.shape[1:]:
        return value
    height, width = feature.shape[1:]
    # Averaging over areas is what keeps thin things visible when a picture shrinks.
    smaller = height <= value.shape[0] and width <= value.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(value, (width, height), interpolation=method))
