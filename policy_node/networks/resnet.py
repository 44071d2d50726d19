"""ResNet without its classifier, the camera backbone of ACT and Diffusion.

Tensors have torchvision's names. Frozen batch norms are folded into the convolutions once the
weights are there, which changes results by about 1e-5 of their size.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

# Blocks per stage, and whether they are bottlenecks (1x1, 3x3, 1x1).
LAYOUTS = {
    'resnet18': ((2, 2, 2, 2), False),
    'resnet34': ((3, 4, 6, 3), False),
    'resnet50': ((3, 4, 6, 3), True),
    'resnet101': ((3, 4, 23, 3), True),
    'resnet152': ((3, 8, 36, 3), True),
}
_WIDTHS = (64, 128, 256, 512)
_GROUP_CHANNELS = 16
_EPS = 1e-5

Norm = Callable[[int], nn.Module]


class FrozenNorm(nn.Module):
    """Batch norm with constant statistics; `fold` moves it into the convolution before it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ('weight', 'bias', 'running_mean', 'running_var'):
            self.register_buffer(name, torch.empty(channels))

    def fold(self, conv: nn.Conv2d) -> None:
        """Give the convolution this layer's scale and shift."""
        scale = self.weight * torch.rsqrt(self.running_var + _EPS)
        conv.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
        conv.bias = nn.Parameter(self.bias - self.running_mean * scale)


def group_norm(channels: int) -> nn.Module:
    """Return the group norm that Diffusion puts in place of batch norm."""
    return nn.GroupNorm(channels // _GROUP_CHANNELS, channels, eps=_EPS)


class Block(nn.Module):
    """A residual block; `stride` is that of its 3x3 convolution."""

    def __init__(
        self, inner: int, width: int, bottleneck: bool, stride: int, dilation: int, norm: Norm
    ) -> None:
        super().__init__()
        outer = width * 4 if bottleneck else width
        if bottleneck:
            self.conv1 = nn.Conv2d(inner, width, 1, bias=False)
            self.conv2 = _conv3(width, width, stride, dilation)
            self.conv3 = nn.Conv2d(width, outer, 1, bias=False)
            self.bn3 = norm(outer)
        else:
            self.conv1 = _conv3(inner, width, stride, dilation)
            self.conv2 = _conv3(width, width, 1, dilation)
        self.bn1, self.bn2 = norm(width), norm(width)
        self.bottleneck = bottleneck
        self.downsample = None
        if stride != 1 or inner != outer:
            shortcut = nn.Conv2d(inner, outer, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, norm(outer))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inner, h, w) to (n, outer, h / stride, w / stride)."""
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        if self.bottleneck:
            y = self.bn3(self.conv3(functional.relu(y, inplace=True)))
        y += x if self.downsample is None else self.downsample(x)
        return functional.relu(y, inplace=True)


class ResNet(nn.Module):
    """The backbone up to its last feature map.

    Args:
        name: a key of `LAYOUTS`.
        norm: makes a normalising layer for so many channels.
        dilate: the last stage keeps its resolution and dilates instead (bottlenecks only).
    """

    def __init__(self, name: str, norm: Norm, dilate: bool = False) -> None:
        super().__init__()
        counts, bottleneck = LAYOUTS[name]
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = norm(64)
        inner = 64
        for stage, (count, width) in enumerate(zip(counts, _WIDTHS, strict=True), 1):
            dilated = dilate and stage == len(counts)
            blocks = []
            for number in range(count):
                stride = 2 if number == 0 and stage > 1 and not dilated else 1
                dilation = 2 if dilated and number else 1
                blocks.append(Block(inner, width, bottleneck, stride, dilation, norm))
                inner = width * 4 if bottleneck else width
            self.add_module(f'layer{stage}', nn.Sequential(*blocks))
        self.channels = inner
        self._halvings = 4 if dilate else 5

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, 3, h, w) to (n, channels, h / 32, w / 32), sides rounded up; / 16 dilated."""
        x = functional.relu(self.bn1(self.conv1(images)), inplace=True)
        x = functional.max_pool2d(x, 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def feature_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the feature map."""
        for _ in range(self._halvings):
            height, width = (height + 1) // 2, (width + 1) // 2
        return height, width

    def fold_norms(self) -> None:
        """Fold every frozen norm into its convolution and lay weights out channels last."""
        for module in (self, *self.modules()):
            pairs = [(f'conv{n}', f'bn{n}') for n in (1, 2, 3)]
            if isinstance(module, nn.Sequential):
                pairs = [('0', '1')]
            for conv, norm in pairs:
                if isinstance(found := getattr(module, norm, None), FrozenNorm):
                    found.fold(getattr(module, conv))
                    setattr(module, norm, nn.Identity())
        self.to(memory_format=torch.channels_last)


def _conv3(inner: int, outer: int, stride: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, 3, stride, dilation, dilation, bias=False)
