"""An ACT checkpoint as a policy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from policy_node.checkpoint.checkpoint import Checkpoint, open_checkpoint
from policy_node.checkpoint.description import Description
from policy_node.checkpoint.features import ENV_KEY, STATE_KEY
from policy_node.checkpoint.weights import load_weights
from policy_node.networks.act.config import read_config
from policy_node.networks.act.network import ActNetwork
from policy_node.networks.policy import Options
from policy_node.networks.torch_policy import Frame, Steps, TorchPolicy

_PREFIX = 'model.'
# Training only.
_TRAINING = 'vae_encoder'


class ActPolicy(TorchPolicy):
    """ACT: one observation in, a chunk of actions out.

    Raises:
        CheckpointError: when configuration or weights cannot be used.
        UnsupportedPolicyError: when the device or precision is not to be had.
    """

    def __init__(self, checkpoint: Checkpoint, options: Options) -> None:
        config = read_config(checkpoint)
        with torch.device('meta'):
            network = ActNetwork(config)
        notices = load_weights(network, checkpoint.weights, _PREFIX, ignored=_TRAINING)
        with torch.no_grad():
            network.prepare()
        steps = Steps(1, config.chunk_size, config.n_action_steps, config.ensemble_coeff)
        super().__init__(checkpoint, network, steps, options, notices)

    def reset(self) -> None:
        """Forget the episode that was: ACT remembers nothing."""

    def _infer(self, frames: Sequence[Frame]) -> Tensor:
        (frame,) = frames
        vectors = [frame[key] for key in (STATE_KEY, ENV_KEY) if key in frame]
        return self.network(vectors, [frame[key] for key in self._cameras])


def load(description: Description, options: Options) -> ActPolicy:
    """Return the policy of a checkpoint; raises as `load_policy`."""
    return ActPolicy(open_checkpoint(description), options)
