"""The fields of config.json that Diffusion's inference depends on."""

from __future__ import annotations

import dataclasses
from typing import Any

from policy_node.checkpoint.description import CONFIG, Description
from policy_node.checkpoint.features import ENV_KEY, STATE_KEY
from policy_node.checkpoint.fields import Fields
from policy_node.errors import CheckpointError
from policy_node.networks.resnet import LAYOUTS

_DEFAULTS: dict[str, Any] = {
    'n_obs_steps': 2,
    'horizon': 16,
    'n_action_steps': 8,
    'vision_backbone': 'resnet18',
    'crop_shape': None,
    'resize_shape': None,
    'crop_ratio': 1.0,
    'use_group_norm': True,
    'use_separate_rgb_encoder_per_camera': False,
    'spatial_softmax_num_keypoints': 32,
    'down_dims': (512, 1024, 2048),
    'kernel_size': 5,
    'n_groups': 8,
    'diffusion_step_embed_dim': 128,
    'use_film_scale_modulation': True,
    'noise_scheduler_type': 'DDPM',
    'num_train_timesteps': 100,
    'beta_schedule': 'squaredcos_cap_v2',
    'beta_start': 1e-4,
    'beta_end': 0.02,
    'prediction_type': 'epsilon',
    'clip_sample': True,
    'clip_sample_range': 1.0,
    'num_inference_steps': None,
}
# Defaults changed; a file's other fields tell which LeRobot wrote it.
_DEFAULTS_03 = {'crop_shape': (84, 84)}
_DEFAULTS_06 = {
    'horizon': 64,
    'n_action_steps': 32,
    'use_group_norm': False,
    'use_separate_rgb_encoder_per_camera': True,
}
# Group norm behind the U-Net's last convolution has this many groups, whatever `n_groups` says.
LAST_GROUPS = 8


@dataclasses.dataclass(frozen=True)
class NoiseConfig:
    """The noise schedule: `steps` passes of the network, `betas` by name over `train_steps`."""

    scheduler: str
    train_steps: int
    steps: int
    betas: str
    beta_start: float
    beta_end: float
    predicts_sample: bool
    clip: float | None


@dataclasses.dataclass(frozen=True)
class DiffusionConfig:
    """Sizes and switches of a Diffusion network; image sizes are (height, width)."""

    action_size: int
    state_size: int
    env_size: int
    cameras: int
    image_size: tuple[int, int]
    resize: tuple[int, int] | None
    crop: tuple[int, int] | None
    backbone: str
    group_norm: bool
    separate_encoders: bool
    keypoints: int
    n_obs_steps: int
    horizon: int
    n_action_steps: int
    down_sizes: tuple[int, ...]
    kernel: int
    groups: int
    step_size: int
    film_scale: bool
    noise: NoiseConfig

    @property
    def condition_size(self) -> int:
        """Numbers of all observations that the U-Net is told."""
        one = self.state_size + self.cameras * 2 * self.keypoints + self.env_size
        return self.n_obs_steps * one


def read_config(description: Description) -> DiffusionConfig:
    """Return the configuration of a checkpoint.

    Raises:
        CheckpointError: with every value that cannot be run.
    """
    problems: list[str] = []
    raw = description.config
    newer = _DEFAULTS_06 if 'gradient_checkpointing' in raw else {}
    older = _DEFAULTS_03 if 'resize_shape' not in raw else {}
    fields = Fields(raw, problems, {**_DEFAULTS, **older, **newer})
    sizes = {feature.shape[1:] for feature in description.cameras.values()}
    if len(sizes) > 1:
        problems.append('"input_features": all images must have one size')
    image_size = (min(sizes)[0], min(sizes)[1]) if sizes else (0, 0)
    resize, crop = _geometry(fields)
    config = DiffusionConfig(
        action_size=description.action_size,
        state_size=description.size(STATE_KEY),
        env_size=description.size(ENV_KEY),
        cameras=len(description.cameras),
        image_size=image_size,
        resize=resize,
        crop=crop,
        backbone=fields.word('vision_backbone', list(LAYOUTS)),
        group_norm=fields.flag('use_group_norm'),
        separate_encoders=fields.flag('use_separate_rgb_encoder_per_camera'),
        keypoints=fields.whole('spatial_softmax_num_keypoints'),
        n_obs_steps=fields.whole('n_obs_steps', 1, 1000),
        horizon=fields.whole('horizon'),
        n_action_steps=fields.whole('n_action_steps'),
        down_sizes=fields.sizes('down_dims'),
        kernel=fields.whole('kernel_size', 1, 101),
        groups=fields.whole('n_groups'),
        step_size=fields.whole('diffusion_step_embed_dim', 4),
        film_scale=fields.flag('use_film_scale_modulation'),
        noise=_noise(fields),
    )
    problems += _contradictions(config)
    if problems:
        raise CheckpointError(description.folder / CONFIG, problems)
    return config


def _geometry(fields: Fields) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """Return what images are resized to and then cropped to."""
    if fields.value('resize_shape') is None:
        if fields.value('crop_shape') is None:
            return None, None
        height, width = fields.sizes('crop_shape', 2)
        return None, (height, width)
    height, width = fields.sizes('resize_shape', 2)
    ratio = fields.number('crop_ratio', 1e-6, 1.0)
    crop = (int(height * ratio), int(width * ratio)) if ratio < 1 else None
    return (height, width), crop


def _noise(fields: Fields) -> NoiseConfig:
    scheduler = fields.word('noise_scheduler_type', ('DDPM', 'DDIM'))
    schedules = ['squaredcos_cap_v2', 'linear', 'scaled_linear']
    if scheduler == 'DDPM':
        schedules.append('sigmoid')
    train_steps = fields.whole('num_train_timesteps')
    steps = train_steps
    if fields.value('num_inference_steps') is not None:
        steps = fields.whole('num_inference_steps', 1, train_steps)
    clip = fields.number('clip_sample_range', 0.0) if fields.flag('clip_sample') else None
    predicts = fields.word('prediction_type', ('epsilon', 'sample'))
    return NoiseConfig(
        scheduler=scheduler,
        train_steps=train_steps,
        steps=steps,
        betas=fields.word('beta_schedule', schedules),
        beta_start=fields.number('beta_start', 0.0, 1.0),
        beta_end=fields.number('beta_end', 0.0, 1.0),
        predicts_sample=predicts == 'sample',
        clip=clip,
    )


def _contradictions(config: DiffusionConfig) -> list[str]:
    """Return the values that do not go together."""
    problems = []
    factor = 2 ** len(config.down_sizes)
    rows = config.horizon - config.n_obs_steps + 1
    if config.horizon % factor:
        problems.append(f'"horizon": {config.horizon} must be a multiple of {factor}')
    if config.n_action_steps > rows:
        problems.append(
            f'"n_action_steps": {config.n_action_steps} must be at most {rows}: '
            '"horizon" - "n_obs_steps" + 1'
        )
    if not config.kernel % 2:
        problems.append(f'"kernel_size": {config.kernel} must be odd')
    if config.step_size % 2:
        problems.append(f'"diffusion_step_embed_dim": {config.step_size} must be even')
    if any(size % config.groups for size in config.down_sizes):
        problems.append(f'"down_dims" must be multiples of "n_groups": {config.groups}')
    if config.down_sizes[0] % LAST_GROUPS:
        problems.append(f'"down_dims": the first must be a multiple of {LAST_GROUPS}')
    if not config.state_size:
        problems.append(f'"input_features" has no "{STATE_KEY}"')
    if not config.cameras and not config.env_size:
        problems.append(f'"input_features" has neither an image nor "{ENV_KEY}"')
    if config.cameras and config.crop:
        size = config.resize or config.image_size
        if not all(0 < inner <= outer for inner, outer in zip(config.crop, size, strict=True)):
            problems.append(f'images of {list(size)} cannot be cropped to {list(config.crop)}')
    if not 0 < config.noise.beta_start < config.noise.beta_end < 1:
        problems.append('"beta_start" must be above 0 and below "beta_end", that below 1')
    return problems
