"""From noise to actions: DDPM and DDIM with the arithmetic of diffusers, in float32."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from policy_node.networks.diffusion.config import NoiseConfig

# DDPM's smallest variance, which keeps its root finite.
_SMALLEST_VARIANCE = 1e-20


class Schedule:
    """The steps of denoising, `timesteps` first to last."""

    def __init__(self, config: NoiseConfig) -> None:
        self._config = config
        self.alphas = torch.cumprod(1.0 - _betas(config), 0)
        self._stride = config.train_steps // config.steps
        self.timesteps = [k * self._stride for k in reversed(range(config.steps))]

    @property
    def is_random(self) -> bool:
        """Whether steps need noise of their own, all but the last."""
        return self._config.scheduler == 'DDPM'

    def step(self, output: Tensor, timestep: int, x: Tensor, noise: Tensor | None) -> Tensor:
        """Return x one step less noisy.

        Args:
            output: what the network predicts for x.
            timestep: one of `timesteps`.
            x: the noisy actions, of any shape.
            noise: unit noise of the same shape where `is_random`, None at the last step.
        """
        alpha = self.alphas[timestep]
        before = timestep - self._stride
        alpha_before = self.alphas[before] if before >= 0 else torch.tensor(1.0)
        if self._config.predicts_sample:
            clean = output
            epsilon = (x - alpha.sqrt() * output) / (1 - alpha).sqrt()
        else:
            clean = (x - (1 - alpha).sqrt() * output) / alpha.sqrt()
            epsilon = output
        if self._config.clip is not None:
            # The noise estimate stays as it was, as in diffusers.
            clean = clean.clamp(-self._config.clip, self._config.clip)
        if not self.is_random:
            return alpha_before.sqrt() * clean + (1 - alpha_before).sqrt() * epsilon
        kept = alpha / alpha_before
        of_clean = alpha_before.sqrt() * (1 - kept) / (1 - alpha)
        of_x = kept.sqrt() * (1 - alpha_before) / (1 - alpha)
        less_noisy = of_clean * clean + of_x * x
        if noise is None:
            return less_noisy
        variance = (1 - alpha_before) / (1 - alpha) * (1 - kept)
        return less_noisy + variance.clamp(min=_SMALLEST_VARIANCE).sqrt() * noise


def _betas(config: NoiseConfig) -> Tensor:
    start, end, count = config.beta_start, config.beta_end, config.train_steps
    if config.betas == 'squaredcos_cap_v2':
        return torch.tensor(
            [min(1 - _cosine((k + 1) / count) / _cosine(k / count), 0.999) for k in range(count)]
        )
    if config.betas == 'scaled_linear':
        return torch.linspace(start**0.5, end**0.5, count) ** 2
    if config.betas == 'sigmoid':
        return torch.sigmoid(torch.linspace(-6, 6, count)) * (end - start) + start
    return torch.linspace(start, end, count)


def _cosine(share: float) -> float:
    return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2
