"""The U-Net over time that predicts the noise in a row of actions; module names are LeRobot's."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from policy_node.networks.diffusion.config import LAST_GROUPS, DiffusionConfig


class ConvBlock(nn.Module):
    """Convolution over time, group norm, Mish."""

    def __init__(self, inner: int, outer: int, kernel: int, groups: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv1d(inner, outer, kernel, padding=kernel // 2),
            nn.GroupNorm(groups, outer),
            nn.Mish(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, inner, time) to (1, outer, time)."""
        return self.block(x)


class ResidualBlock(nn.Module):
    """Two convolutions with the condition between them (FiLM), and a shortcut."""

    def __init__(self, inner: int, outer: int, config: DiffusionConfig) -> None:
        super().__init__()
        self.conv1 = ConvBlock(inner, outer, config.kernel, config.groups)
        self.conv2 = ConvBlock(outer, outer, config.kernel, config.groups)
        told = config.step_size + config.condition_size
        # The Mish before it is the same for all blocks: the U-Net applies it once.
        self.cond_encoder = nn.Sequential(
            nn.Identity(), nn.Linear(told, outer * 2 if config.film_scale else outer)
        )
        self.residual_conv = nn.Conv1d(inner, outer, 1) if inner != outer else nn.Identity()
        self._scales = config.film_scale

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Map (1, inner, time) to (1, outer, time), told the condition behind Mish."""
        y = self.conv1(x)
        shift = self.cond_encoder(told)[..., None]
        if self._scales:
            scale, shift = shift.chunk(2, dim=1)
            y = y * scale + shift
        else:
            y = y + shift
        return self.conv2(y) + self.residual_conv(x)


class UNet(nn.Module):
    """Noisy actions, the diffusion step and the observations to the network's prediction."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        sizes = config.down_sizes
        embed = config.step_size
        self.diffusion_step_encoder = nn.Sequential(
            nn.Identity(), nn.Linear(embed, 4 * embed), nn.Mish(), nn.Linear(4 * embed, embed)
        )
        self.down_modules = nn.ModuleList()
        for inner, outer in zip((config.action_size, *sizes[:-1]), sizes, strict=True):
            smaller = nn.Conv1d(outer, outer, 3, stride=2, padding=1)
            last = len(self.down_modules) == len(sizes) - 1
            self.down_modules.append(
                nn.ModuleList([
                    ResidualBlock(inner, outer, config),
                    ResidualBlock(outer, outer, config),
                    nn.Identity() if last else smaller,
                ])
            )  # fmt: skip
        self.mid_modules = nn.ModuleList(
            [ResidualBlock(sizes[-1], sizes[-1], config) for _ in range(2)]
        )
        self.up_modules = nn.ModuleList()
        for inner, outer in zip(sizes[:0:-1], sizes[-2::-1], strict=True):
            self.up_modules.append(
                nn.ModuleList([
                    ResidualBlock(2 * inner, outer, config),
                    ResidualBlock(outer, outer, config),
                    nn.ConvTranspose1d(outer, outer, 4, stride=2, padding=1),
                ])
            )  # fmt: skip
        self.final_conv = nn.Sequential(
            ConvBlock(sizes[0], sizes[0], config.kernel, LAST_GROUPS),
            nn.Conv1d(sizes[0], config.action_size, 1),
        )
        self._embed = embed

    def tell(self, timesteps: Tensor, condition: Tensor) -> Tensor:
        """Return the condition of every step, (steps, told), for `forward`.

        Args:
            timesteps: (steps,), any float dtype of the network.
            condition: what the observations say, (condition size,).
        """
        half = self._embed // 2
        exponent = torch.arange(half, device=condition.device) / (half - 1)
        angle = timesteps.to(torch.float32)[:, None] * torch.exp(-math.log(10000) * exponent)
        waves = torch.cat([angle.sin(), angle.cos()], dim=1).to(condition.dtype)
        steps = self.diffusion_step_encoder(waves)
        return functional.mish(torch.cat([steps, condition.expand(len(steps), -1)], dim=1))

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Map (1, time, action size) to the same shape, told one row of `tell`, (1, told)."""
        x = x.transpose(1, 2)
        skips = []
        for first, second, smaller in self.down_modules:
            x = second(first(x, told), told)
            skips.append(x)
            x = smaller(x)
        for block in self.mid_modules:
            x = block(x, told)
        for first, second, larger in self.up_modules:
            x = larger(second(first(torch.cat([x, skips.pop()], dim=1), told), told))
        return self.final_conv(x).transpose(1, 2)
