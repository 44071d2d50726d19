"""Arrays of an observation as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def as_tensor(value: Any) -> Tensor:
    """Return an array or tensor as a tensor, without a copy where that is possible."""
    if isinstance(value, Tensor):
        return value
    array = np.asarray(value)
    # torch warns of arrays that cannot be written to, though nobody writes.
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def as_floats(value: Tensor) -> Tensor:
    """Return float32 values; a uint8 image (h, w, 3) becomes (3, h, w) from 0 to 1."""
    if value.dtype == torch.uint8:
        return value.permute(2, 0, 1).to(torch.float32).div_(255)
    return value.to(torch.float32)
