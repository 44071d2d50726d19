"""Matrix products where most of ACT's transformer spends its time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x times the transposed weight, plus bias: (n, inner) and (outer, inner) to (n, outer).

    In float32 on a CPU this is a 1x1 convolution, because torch leaves convolutions to oneDNN and
    products to MKL, which uses half the width of the vector units of processors other than Intel's.
    """
    if x.device.type != 'cpu' or x.dtype != torch.float32:
        return functional.linear(x, weight, bias)
    pixels = x[None, None].permute(0, 3, 1, 2)
    return functional.conv2d(pixels, weight[..., None, None], bias).permute(0, 2, 3, 1)[0, 0]


class Linear(nn.Linear):
    """A linear layer over tokens (n, inner)."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inner) to (n, outer)."""
        return product(x, self.weight, self.bias)
