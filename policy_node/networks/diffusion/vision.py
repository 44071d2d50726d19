"""Images to keypoints: where in the picture each learned feature is, on average."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from policy_node.networks.diffusion.config import DiffusionConfig
from policy_node.networks.resnet import FrozenNorm, ResNet, group_norm


class SpatialSoftmax(nn.Module):
    """Keypoints of feature maps: the expected place under a soft-max over all places."""

    def __init__(self, channels: int, keypoints: int) -> None:
        super().__init__()
        self.nets = nn.Conv2d(channels, keypoints, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (n, channels, h, w) to x1, y1, x2, y2, ... from -1 to 1, (n, 2 * keypoints)."""
        maps = self.nets(features).to(torch.float32)
        height, width = maps.shape[-2:]
        share = maps.flatten(2).softmax(dim=-1).unflatten(2, (height, width))
        x = share.sum(dim=2) @ torch.linspace(-1, 1, width, device=maps.device)
        y = share.sum(dim=3) @ torch.linspace(-1, 1, height, device=maps.device)
        return torch.stack([x, y], dim=2).flatten(1).to(features.dtype)


class RgbEncoder(nn.Module):
    """One image to 2 * keypoints numbers."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        self.backbone = ResNet(config.backbone, group_norm if config.group_norm else FrozenNorm)
        self.pool = SpatialSoftmax(self.backbone.channels, config.keypoints)
        self.out = nn.Linear(2 * config.keypoints, 2 * config.keypoints)
        self._resize, self._crop = config.resize, config.crop

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised images (n, 3, height, width) to (n, 2 * keypoints)."""
        return functional.relu(self.out(self.pool(self.backbone(self._cut(images)))))

    def _cut(self, images: Tensor) -> Tensor:
        if self._resize:
            # Resizing exists in float32 on every device.
            small = functional.interpolate(
                images.to(torch.float32), self._resize, mode='bilinear', antialias=True
            )
            images = small.to(images.dtype)
        if self._crop:
            height, width = self._crop
            top = round((images.shape[2] - height) / 2)
            left = round((images.shape[3] - width) / 2)
            images = images[:, :, top : top + height, left : left + width]
        return images
