"""Statistics of a depth camera, in the unit it sends; pixels without a measurement count as 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder_node.encoding.stats import QUANTILES, Stats, Stillness, sampling_step

# Quantiles of metres come from a histogram over the leading bits of float32, which is as fine as
# the value is small: 2^13 bins per octave, from 1 mm to 128 m.
_DROPPED_BITS = 10
_LOWEST = int(np.float32(2.0**-10).view(np.uint32)) >> _DROPPED_BITS
_HIGHEST = int(np.float32(2.0**7).view(np.uint32)) >> _DROPPED_BITS
_MM_LEVELS = 2**16


class DepthStats:
    """Running statistics of `(height, width)` frames in `mm` (uint16) or `m` (float32)."""

    def __init__(self, height: int, width: int, unit: str) -> None:
        self._step = sampling_step(height, width)
        self._in_mm = unit == 'mm'
        bins = _MM_LEVELS if self._in_mm else _HIGHEST - _LOWEST + 2
        self._counts = np.zeros(bins, np.int64)
        self._stillness = Stillness()
        self._frames = 0
        self._pixels = 0
        self._mean = 0.0
        self._squares = 0.0
        self._min = np.inf
        self._max = -np.inf

    @property
    def longest_still(self) -> int:
        """The longest run of frames whose sampled pixels are all equal."""
        return self._stillness.longest

    def add(self, depth: NDArray[Any]) -> None:
        """Count one frame."""
        sample = np.ascontiguousarray(depth[:: self._step, :: self._step])
        self._stillness.add(sample)
        self._counts += np.bincount(self._bins(sample).ravel(), minlength=len(self._counts))
        self._frames += 1
        self._min = min(self._min, float(sample.min()))
        self._max = max(self._max, float(sample.max()))
        exact = sample.astype(np.float64)
        mean = float(exact.mean())
        # Chan's update: exact for large offsets, where E[x²] - E[x]² is not.
        total = self._pixels + exact.size
        apart = mean - self._mean
        self._squares += float(((exact - mean) ** 2).sum())
        self._squares += apart**2 * self._pixels * exact.size / total
        self._mean += apart * exact.size / total
        self._pixels = total

    def result(self) -> Stats:
        """Return the statistics; all of shape `(1, 1, 1)`, count = frames."""
        values = {
            'min': self._min,
            'max': self._max,
            'mean': self._mean,
            'std': np.sqrt(self._squares / self._pixels),
        }
        cumulative = self._counts.cumsum()
        for name, share in QUANTILES.items():
            at = int(np.searchsorted(cumulative, max(share * self._pixels, 1)))
            values[name] = min(max(self._level(at), self._min), self._max)
        stats: Stats = {name: np.full((1, 1, 1), value) for name, value in values.items()}
        stats['count'] = np.array([self._frames], np.int64)
        return stats

    def _bins(self, sample: NDArray[Any]) -> NDArray[Any]:
        if self._in_mm:
            return sample
        leading = sample.view(np.uint32) >> _DROPPED_BITS
        # Bin 0 is what is below a millimetre: nothing was measured.
        return np.where(sample < 2.0**-10, 0, np.minimum(leading, _HIGHEST) - _LOWEST + 1)

    def _level(self, at: int) -> float:
        """Return the depth that a bin stands for, its middle."""
        if self._in_mm or not at:
            return float(at)
        bits = ((at - 1 + _LOWEST) << _DROPPED_BITS) + (1 << _DROPPED_BITS - 1)
        return float(np.uint32(bits).view(np.float32))
