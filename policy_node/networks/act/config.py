"""The fields of config.json that ACT's inference depends on (the same in LeRobot 0.3 to 0.6)."""

from __future__ import annotations

import dataclasses

from policy_node.checkpoint.description import CONFIG, Description
from policy_node.checkpoint.features import ENV_KEY, STATE_KEY
from policy_node.checkpoint.fields import Fields
from policy_node.errors import CheckpointError
from policy_node.networks.resnet import LAYOUTS

_DEFAULTS = {
    'n_obs_steps': 1,
    'chunk_size': 100,
    'n_action_steps': 100,
    'temporal_ensemble_coeff': None,
    'vision_backbone': 'resnet18',
    'replace_final_stride_with_dilation': False,
    'pre_norm': False,
    'dim_model': 512,
    'n_heads': 8,
    'dim_feedforward': 3200,
    'feedforward_activation': 'relu',
    'n_encoder_layers': 4,
    'n_decoder_layers': 1,
    'latent_dim': 32,
}
_MOST_LAYERS = 64


@dataclasses.dataclass(frozen=True)
class ActConfig:
    """Sizes and switches of an ACT network; `cameras` are image sizes (height, width) in order."""

    action_size: int
    state_size: int
    env_size: int
    cameras: tuple[tuple[int, int], ...]
    chunk_size: int
    n_action_steps: int
    ensemble_coeff: float | None
    backbone: str
    dilate: bool
    pre_norm: bool
    width: int
    heads: int
    feedforward: int
    activation: str
    encoder_layers: int
    decoder_layers: int
    latent_size: int


def read_config(description: Description) -> ActConfig:
    """Return the configuration of a checkpoint.

    Raises:
        CheckpointError: with every value that cannot be run.
    """
    problems: list[str] = []
    fields = Fields(description.config, problems, _DEFAULTS)
    coefficient = fields.value('temporal_ensemble_coeff')
    config = ActConfig(
        action_size=description.action_size,
        state_size=description.size(STATE_KEY),
        env_size=description.size(ENV_KEY),
        cameras=tuple(
            (feature.shape[1], feature.shape[2]) for feature in description.cameras.values()
        ),
        chunk_size=fields.whole('chunk_size'),
        n_action_steps=fields.whole('n_action_steps'),
        ensemble_coeff=None if coefficient is None else fields.number('temporal_ensemble_coeff'),
        backbone=fields.word('vision_backbone', list(LAYOUTS)),
        dilate=fields.flag('replace_final_stride_with_dilation'),
        pre_norm=fields.flag('pre_norm'),
        width=fields.whole('dim_model'),
        heads=fields.whole('n_heads'),
        feedforward=fields.whole('dim_feedforward'),
        activation=fields.word(
            'feedforward_activation', ('relu', 'gelu'), 'glu halves a layer and fits no weights'
        ),
        encoder_layers=fields.whole('n_encoder_layers', 0, _MOST_LAYERS),
        decoder_layers=fields.whole('n_decoder_layers', 1, _MOST_LAYERS),
        latent_size=fields.whole('latent_dim'),
    )
    fields.whole('n_obs_steps', 1, 1)
    if config.n_action_steps > config.chunk_size:
        problems.append(
            f'"n_action_steps": {config.n_action_steps} is more than '
            f'"chunk_size": {config.chunk_size}'
        )
    if config.ensemble_coeff is not None and config.n_action_steps != 1:
        problems.append('"temporal_ensemble_coeff" needs "n_action_steps": 1')
    if config.width % config.heads:
        problems.append(f'"dim_model": {config.width} is no multiple of "n_heads": {config.heads}')
    if config.cameras and config.width % 4:
        problems.append(f'"dim_model": {config.width} is no multiple of 4, as positions need')
    if config.dilate and not LAYOUTS[config.backbone][1]:
        problems.append(
            f'"replace_final_stride_with_dilation" does not exist for {config.backbone}'
        )
    if not config.cameras and not config.env_size:
        problems.append(f'"input_features" has neither an image nor "{ENV_KEY}"')
    if problems:
        raise CheckpointError(description.folder / CONFIG, problems)
    return config
