"""The ACT network at inference: the latent is zero, so its encoder is left out.

Module names are LeRobot's, below the prefix `model.`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from policy_node.networks.act.attention import DecoderLayer, EncoderLayer
from policy_node.networks.act.config import ActConfig
from policy_node.networks.resnet import FrozenNorm, ResNet


class _Layers(nn.Module):
    """Layers and the norm behind them, under the names of the checkpoint."""

    def __init__(self, layers: list[nn.Module], norm: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = norm


class ActNetwork(nn.Module):
    """From normalised observations to a normalised chunk of actions.

    Build it on the meta device, load weights, then call `prepare` once.
    """

    def __init__(self, config: ActConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.encoder_latent_input_proj = nn.Linear(config.latent_size, width)
        vectors = 1
        if config.state_size:
            self.encoder_robot_state_input_proj = nn.Linear(config.state_size, width)
            vectors += 1
        if config.env_size:
            self.encoder_env_state_input_proj = nn.Linear(config.env_size, width)
            vectors += 1
        self.encoder_1d_feature_pos_embed = nn.Embedding(vectors, width)
        if config.cameras:
            self.backbone = ResNet(config.backbone, FrozenNorm, config.dilate)
            self.encoder_img_feat_input_proj = nn.Conv2d(self.backbone.channels, width, 1)
        self.encoder = _Layers(
            [EncoderLayer(config) for _ in range(config.encoder_layers)],
            nn.LayerNorm(width) if config.pre_norm else nn.Identity(),
        )
        self.decoder = _Layers(
            [DecoderLayer(config) for _ in range(config.decoder_layers)], nn.LayerNorm(width)
        )
        self.decoder_pos_embed = nn.Embedding(config.chunk_size, width)
        self.action_head = nn.Linear(width, config.action_size)
        self.register_buffer('_start', None, persistent=False)

    def prepare(self) -> None:
        """Fold norms and compute everything that no observation changes."""
        if self.config.cameras:
            self.backbone.fold_norms()
        places = [self.encoder_1d_feature_pos_embed.weight]
        for height, width in self.config.cameras:
            size = self.backbone.feature_size(height, width)
            places.append(position_table(*size, self.config.width))
        positions = torch.cat(places)
        queries = self.decoder_pos_embed.weight
        for layer in self.encoder.layers:
            layer.prepare(positions)
        for layer in self.decoder.layers:
            layer.prepare(queries, positions)
        # The decoder begins with zeros, so its first self-attention always gives the same.
        self._start = self.decoder.layers[0].look_around(torch.zeros_like(queries))

    def forward(self, vectors: list[Tensor], images: list[Tensor]) -> Tensor:
        """Return a chunk (chunk_size, action_size).

        Args:
            vectors: state (state_size,) if the policy takes it, then environment state likewise.
            images: one (1, 3, height, width) per camera, in the order of the configuration.
        """
        tokens = [self.encoder_latent_input_proj.bias[None]]
        projections = []
        if self.config.state_size:
            projections.append(self.encoder_robot_state_input_proj)
        if self.config.env_size:
            projections.append(self.encoder_env_state_input_proj)
        tokens += [
            project(vector[None]) for project, vector in zip(projections, vectors, strict=True)
        ]
        tokens += [
            self.encoder_img_feat_input_proj(self.backbone(image)).permute(0, 2, 3, 1).flatten(0, 2)
            for image in images
        ]
        memory = torch.cat(tokens)
        for layer in self.encoder.layers:
            memory = layer(memory)
        memory = self.encoder.norm(memory)
        x = self._start
        for number, layer in enumerate(self.decoder.layers):
            x = layer.look_up(x if number == 0 else layer.look_around(x), memory)
        return self.action_head(self.decoder.norm(x))


def position_table(height: int, width: int, channels: int) -> Tensor:
    """Return the sines and cosines of a feature map's places, (height * width, channels).

    The first half of the channels tells the row, the second the column, both counted from one and
    scaled to a full turn.
    """
    half = channels // 2
    frequency = 10000.0 ** (torch.arange(half, dtype=torch.float32) // 2 * 2 / half)

    def waves(count: int) -> Tensor:
        turn = torch.arange(1, count + 1, dtype=torch.float32) / (count + 1e-6) * (2 * math.pi)
        angle = turn[:, None] / frequency
        angle[:, 0::2] = angle[:, 0::2].sin()
        angle[:, 1::2] = angle[:, 1::2].cos()
        return angle

    rows = waves(height)[:, None].expand(height, width, half)
    columns = waves(width)[None].expand(height, width, half)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)
