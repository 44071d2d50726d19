"""Every policy type that can be run, one line each; torch is imported when one is loaded."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

from policy_node.checkpoint.description import CONFIG, describe, locate
from policy_node.errors import CheckpointError, UnsupportedPolicyError
from policy_node.networks.policy import OVERRIDES, Options, Policy

# LeRobot's name of the type -> module and loader; a loader takes a description and options.
POLICIES = {
    'act': 'policy_node.networks.act.policy:load',
    'diffusion': 'policy_node.networks.diffusion.policy:load',
}
OTHERS = 'policy_node.networks.lerobot_policy:load'


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
    if options.rtc_horizon and description.kind in POLICIES:
        raise UnsupportedPolicyError(
            f'"{description.kind}" has no Real-Time Chunking, which changes the denoising of '
            'flow-matching policies (smolvla, pi0, pi05, ...); use queue:=prefetch'
        )
    config = {**description.config, **options.overrides}
    module, _, name = POLICIES.get(description.kind, OTHERS).partition(':')
    try:
        load = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != 'torch':
            raise
        raise UnsupportedPolicyError(
            'policies need torch, which is not installed: scripts/setup policy, or '
            "pip install 'recorder[policy]'"
        ) from None
    policy: Policy = load(dataclasses.replace(description, config=config), options)
    return policy
