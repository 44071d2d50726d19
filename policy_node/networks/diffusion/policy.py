"""A Diffusion checkpoint as a policy."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from policy_node.checkpoint.checkpoint import Checkpoint, open_checkpoint
from policy_node.checkpoint.description import Description
from policy_node.checkpoint.features import ENV_KEY, STATE_KEY
from policy_node.checkpoint.weights import load_weights
from policy_node.networks.diffusion.config import DiffusionConfig, read_config
from policy_node.networks.diffusion.schedule import Schedule
from policy_node.networks.diffusion.unet import UNet
from policy_node.networks.diffusion.vision import RgbEncoder
from policy_node.networks.policy import Options
from policy_node.networks.resnet import ResNet
from policy_node.networks.torch_policy import Frame, Steps, TorchPolicy

_PREFIX = 'diffusion.'
# LeRobot's backbone is a sequence: its parts have numbers for names.
_BACKBONE = {'0': 'conv1', '1': 'bn1', '4': 'layer1', '5': 'layer2', '6': 'layer3', '7': 'layer4'}
# Counters of training; a grid that is computed here.
_NOT_NEEDED = r'num_batches_tracked$|pool\.pos_grid$'


class DiffusionNetwork(nn.Module):
    """Encoders and U-Net, under the names of the checkpoint."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        if config.cameras and config.separate_encoders:
            self.rgb_encoder = nn.ModuleList([RgbEncoder(config) for _ in range(config.cameras)])
        elif config.cameras:
            self.rgb_encoder = RgbEncoder(config)
        self.unet = UNet(config)

    def compile(self) -> None:
        """Compile what runs once per step; encoders run once per chunk."""
        self.unet.compile()

    def see(self, cameras: Sequence[Tensor]) -> list[Tensor]:
        """Return features (time, 2 * keypoints) of each camera's images (time, 3, h, w)."""
        if isinstance(self.rgb_encoder, nn.ModuleList):
            return [
                encode(images) for encode, images in zip(self.rgb_encoder, cameras, strict=True)
            ]
        return list(self.rgb_encoder(torch.cat(list(cameras))).chunk(len(cameras)))


class DiffusionPolicy(TorchPolicy):
    """Diffusion: a few observations in, actions out of noise.

    `generator` draws the noise, on the CPU: unit normal numbers of shape (1, horizon, action size),
    first the start, then for DDPM one for each step but the last.

    Raises:
        CheckpointError: when configuration or weights cannot be used.
        UnsupportedPolicyError: when the device or precision is not to be had.
    """

    def __init__(self, checkpoint: Checkpoint, options: Options) -> None:
        config = read_config(checkpoint)
        with torch.device('meta'):
            network = DiffusionNetwork(config)
        notices = load_weights(network, checkpoint.weights, _PREFIX, _our_name, _NOT_NEEDED)
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, ResNet):
                    module.fold_norms()
        self._config = config
        self._schedule = Schedule(config.noise)
        self._seed = options.seed
        self.generator = torch.Generator()
        self.generator.seed()
        rows = config.horizon - config.n_obs_steps + 1
        steps = Steps(config.n_obs_steps, rows, config.n_action_steps)
        super().__init__(checkpoint, network, steps, options, notices)
        self.reset()

    def reset(self) -> None:
        """Begin the noise anew where a seed was chosen."""
        if self._seed is not None:
            self.generator.manual_seed(self._seed)

    def _infer(self, frames: Sequence[Frame]) -> Tensor:
        condition = self._condition(frames)
        timesteps = self._schedule.timesteps
        told = self.network.unet.tell(torch.tensor(timesteps, device=self._device), condition)
        x = self._noise()
        for number, timestep in enumerate(timesteps):
            output = self.network.unet(x.to(self._dtype), told[number : number + 1])
            last = number == len(timesteps) - 1
            noise = self._noise() if self._schedule.is_random and not last else None
            x = self._schedule.step(output.to(torch.float32), timestep, x, noise)
        return x[0, self._config.n_obs_steps - 1 :]

    def _condition(self, frames: Sequence[Frame]) -> Tensor:
        """Return what all observations say, oldest first, (condition size,)."""
        columns = [torch.stack([frame[STATE_KEY] for frame in frames])]
        if self._cameras:
            columns += self.network.see(
                [torch.cat([frame[key] for frame in frames]) for key in self._cameras]
            )
        if ENV_KEY in frames[0]:
            columns.append(torch.stack([frame[ENV_KEY] for frame in frames]))
        return torch.cat(columns, dim=1).flatten()

    def _noise(self) -> Tensor:
        shape = (1, self._config.horizon, self._config.action_size)
        return torch.randn(shape, generator=self.generator).to(self._device)


def load(description: Description, options: Options) -> DiffusionPolicy:
    """Return the policy of a checkpoint; raises as `load_policy`."""
    return DiffusionPolicy(open_checkpoint(description), options)


def _our_name(name: str) -> str:
    return re.sub(
        r'(?<=\bbackbone\.)(\d)(?=\.)', lambda match: _BACKBONE.get(match[1], match[1]), name
    )
