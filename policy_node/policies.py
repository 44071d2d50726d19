"""Every policy type that can be run, one line each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from policy_node.act.policy import ActPolicy
from policy_node.checkpoint import CONFIG, Checkpoint, describe, locate, open_checkpoint
from policy_node.diffusion.policy import DiffusionPolicy
from policy_node.errors import CheckpointError
from policy_node.policy import OVERRIDES, Options, Policy

# Policies of this package; every other type is left to an installed lerobot.
POLICIES: Mapping[str, Callable[[Checkpoint, Options], Policy]] = {
    'act': ActPolicy,
    'diffusion': DiffusionPolicy,
}


def load_policy(path: str | Path, options: Options | None = None) -> Policy:
    """Open a checkpoint and make it ready to run.

    Args:
        path: a `pretrained_model` folder, or `owner/name` on the Hugging Face Hub.
        options: device, precision and the like.

    Raises:
        CheckpointError: when files are missing, broken or contradict each other.
        UnsupportedPolicyError: when the type, device or precision cannot be run here.
        PolicyError: when it cannot be fetched.
    """
    options = options or Options()
    description = describe(locate(path, options.revision))
    if unknown := sorted(set(options.overrides) - set(OVERRIDES)):
        raise CheckpointError(
            description.folder / CONFIG,
            [f'{name} cannot be overridden, only {", ".join(OVERRIDES)}' for name in unknown],
        )
    config = {**description.config, **options.overrides}
    description = dataclasses.replace(description, config=config)
    if description.kind not in POLICIES:
        raise NotImplementedError
    return POLICIES[description.kind](open_checkpoint(description), options)
