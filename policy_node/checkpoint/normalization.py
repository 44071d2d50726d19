"""Between dataset units and the numbers a network sees, by LeRobot's formulas.

IDENTITY and MEAN_STD are the same in all versions. MIN_MAX differs: LeRobot 0.3 and older always
add eps to the range before dividing; 0.4 and later replace a range of zero by eps. QUANTILES and
QUANTILE10 (0.4 and later) are MIN_MAX between two quantiles. Nothing is clipped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

IDENTITY, MEAN_STD, MIN_MAX = 'IDENTITY', 'MEAN_STD', 'MIN_MAX'
STATISTICS = {
    IDENTITY: (),
    MEAN_STD: ('mean', 'std'),
    MIN_MAX: ('min', 'max'),
    'QUANTILES': ('q01', 'q99'),
    'QUANTILE10': ('q10', 'q90'),
}
OLD_MODES = (IDENTITY, MEAN_STD, MIN_MAX)
EPS = 1e-8


@dataclasses.dataclass(frozen=True)
class Scaling:
    """The normalisation of one feature: y = (x - centre) / divisor * gain - shift.

    The order of operations is LeRobot's: other orders lose digits where a dimension is constant.
    `span` is what the inverse multiplies with.
    """

    centre: Tensor
    divisor: Tensor
    span: Tensor
    gain: float
    shift: float

    def normalize(self, x: Tensor) -> Tensor:
        """Return what the network sees, for values in dataset units (any leading axes)."""
        y = (x - self.centre).div_(self.divisor)
        return y.mul_(self.gain).sub_(self.shift) if self.shift else y

    def unnormalize(self, y: Tensor) -> Tensor:
        """Return dataset units, for values of the network (any leading axes)."""
        if self.shift:
            y = (y + self.shift) / self.gain
        return y * self.span + self.centre

    def of_rows(self, width: int) -> Scaling:
        """Return the scaling of rows of pixels (width * 3,) from 0 to 255; only to normalise.

        Tensors as long as a row are subtracted and divided eight times faster than three numbers
        that repeat themselves.
        """
        centre, divisor = (
            (tensor * 255).flatten().repeat(width) for tensor in (self.centre, self.divisor)
        )
        return dataclasses.replace(self, centre=centre, divisor=divisor)

    def to(self, device: torch.device) -> Scaling:
        """Return the same scaling with its tensors on a device."""
        return dataclasses.replace(
            self,
            centre=self.centre.to(device),
            divisor=self.divisor.to(device),
            span=self.span.to(device),
        )


def make_scaling(
    mode: str, statistics: Mapping[str, Tensor], *, old_formula: bool = False, eps: float = EPS
) -> Scaling | None:
    """Return the scaling of one feature, None where nothing is to be done.

    Args:
        mode: a key of `STATISTICS`.
        statistics: float32 tensors by name, at least those that the mode needs.
        old_formula: MIN_MAX as in LeRobot 0.3 and older.
        eps: keeps the division away from zero.
    """
    if mode == IDENTITY:
        return None
    first, second = (statistics[name] for name in STATISTICS[mode])
    if mode == MEAN_STD:
        return Scaling(first, second + eps, second, 1.0, 0.0)
    span = second - first
    if old_formula:
        return Scaling(first, span + eps, span, 2.0, 1.0)
    span = torch.where(span == 0, torch.full_like(span, eps), span)
    return Scaling(first, span, span, 2.0, 1.0)
