"""Multi-head attention whose positions are constant, and the layers made of it.

Positions are added to queries and keys in every layer. They never change, so their products with
the projections are computed once (`prepare`) and take the place of the projections' biases.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from policy_node.networks.act.config import ActConfig
from policy_node.networks.linear import Linear, product


class Attention(nn.Module):
    """Attention of tokens (n, width); rows of the joint projection are queries, keys, values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = Linear(width, width)
        self.heads = heads

    def constant(self, positions: Tensor, rows: slice) -> Tensor:
        """Return bias and positions as they appear behind projections `rows` of q, k, v.

        Args:
            positions: (n, width).
            rows: which of the three, as a slice; values take no positions.
        """
        weights = self.in_proj_weight.unflatten(0, (3, -1))[rows]
        biases = self.in_proj_bias.unflatten(0, (3, -1))[rows]
        placed = torch.einsum('nd,ked->nke', positions, weights)
        if rows.stop == 3:
            placed[:, -1] = 0
        return (placed + biases).flatten(1)

    def project(self, tokens: Tensor, constant: Tensor, rows: slice) -> Tensor:
        """Return projections `rows` of the tokens as (rows, 1, heads, n, width / heads)."""
        width = tokens.shape[1]
        weights = self.in_proj_weight[rows.start * width : rows.stop * width]
        projected = product(tokens, weights).add_(constant)
        return projected.view(1, len(tokens), -1, self.heads, width // self.heads).permute(
            2, 0, 3, 1, 4
        )

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Return what the queries find, (n, width)."""
        found = functional.scaled_dot_product_attention(queries, keys, values)
        return self.out_proj(found[0].transpose(0, 1).flatten(1))


class _Layer(nn.Module):
    """What encoder and decoder layers share."""

    def __init__(self, config: ActConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config.width, config.heads)
        self.linear1 = Linear(config.width, config.feedforward)
        self.linear2 = Linear(config.feedforward, config.width)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)
        self.pre_norm = config.pre_norm
        self.activate = functional.gelu if config.activation == 'gelu' else functional.relu_
        self.register_buffer('constant', None, persistent=False)

    def look_around(self, x: Tensor) -> Tensor:
        """The self-attention sub-layer: residual, and norm before or after."""
        y = self.norm1(x) if self.pre_norm else x
        y = x + self.self_attn.attend(*self.self_attn.project(y, self.constant, slice(0, 3)))
        return y if self.pre_norm else self.norm1(y)

    def feed(self, x: Tensor, norm: nn.Module) -> Tensor:
        """The feed-forward sub-layer."""
        y = norm(x) if self.pre_norm else x
        y = x + self.linear2(self.activate(self.linear1(y)))
        return y if self.pre_norm else norm(y)


class EncoderLayer(_Layer):
    """Self-attention and feed-forward."""

    def prepare(self, positions: Tensor) -> None:
        """Compute what positions (n, width) contribute."""
        self.constant = self.self_attn.constant(positions, slice(0, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (n, width) to tokens."""
        return self.feed(self.look_around(x), self.norm2)


class DecoderLayer(_Layer):
    """Self-attention of the queries, attention to the encoder's tokens, feed-forward."""

    def __init__(self, config: ActConfig) -> None:
        super().__init__(config)
        self.multihead_attn = Attention(config.width, config.heads)
        self.norm3 = nn.LayerNorm(config.width)
        self.register_buffer('query_constant', None, persistent=False)
        self.register_buffer('memory_constant', None, persistent=False)

    def prepare(self, queries: Tensor, positions: Tensor) -> None:
        """Compute what the queries' positions and the memory's positions contribute."""
        self.constant = self.self_attn.constant(queries, slice(0, 3))
        self.query_constant = self.multihead_attn.constant(queries, slice(0, 1))
        self.memory_constant = self.multihead_attn.constant(positions, slice(1, 3))

    def look_up(self, x: Tensor, memory: Tensor) -> Tensor:
        """Everything after self-attention: map (chunk, width) to (chunk, width)."""
        attention = self.multihead_attn
        y = self.norm2(x) if self.pre_norm else x
        (queries,) = attention.project(y, self.query_constant, slice(0, 1))
        keys, values = attention.project(memory, self.memory_constant, slice(1, 3))
        y = x + attention.attend(queries, keys, values)
        return self.feed(y if self.pre_norm else self.norm2(y), self.norm3)
