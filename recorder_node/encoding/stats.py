"""Statistics of features as LeRobot v3.0 stores them, computed in float64.

Pictures are reduced to one histogram per channel, from which every number follows exactly; so
each frame counts and no second pass over the video is needed.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = {'q01': 0.01, 'q10': 0.10, 'q50': 0.50, 'q90': 0.90, 'q99': 0.99}
NAMES = ('min', 'max', 'mean', 'std', 'count', *QUANTILES)
# LeRobot looks at pictures whose longer side is at least 300 through a grid of about 150.
_SUBSAMPLE_FROM_PX = 300
_SUBSAMPLE_TO_PX = 150

Stats = dict[str, NDArray[Any]]


def numeric_stats(values: NDArray[Any], keep_axes: bool = False) -> Stats:
    """Return the statistics of `(rows, *shape)` values, count `(1,)` = rows.

    All axes but the last are reduced, as in LeRobot v3.0; with `keep_axes` only the rows, as in
    v2.1.
    """
    exact = values.astype(np.float64)
    if not keep_axes:
        exact = exact.reshape(-1, values.shape[-1])
    result: Stats = {
        'min': exact.min(axis=0),
        'max': exact.max(axis=0),
        'mean': exact.mean(axis=0),
        'std': exact.std(axis=0),
        'count': np.array([len(values)], np.int64),
    }
    quantiles = np.quantile(exact, list(QUANTILES.values()), axis=0)
    result.update(zip(QUANTILES, quantiles, strict=True))
    return result


def sampling_step(height: int, width: int) -> int:
    """Return that every so many rows and columns of a picture are looked at, as LeRobot does."""
    longer = max(height, width)
    return longer // _SUBSAMPLE_TO_PX if longer >= _SUBSAMPLE_FROM_PX else 1


class Stillness:
    """Counts how long a camera's picture does not change."""

    def __init__(self) -> None:
        self.longest = 0
        self._run = 0
        self._last: int | None = None

    def add(self, sample: NDArray[Any]) -> None:
        """Compare the pixels looked at, contiguous in memory, with the last frame's."""
        checksum = zlib.crc32(sample.data)
        self._run = self._run + 1 if checksum == self._last else 1
        self._last = checksum
        self.longest = max(self.longest, self._run)


class PictureStats:
    """Histogram of a camera's frames, per channel R, G, B."""

    def __init__(self, height: int, width: int) -> None:
        self._step = sampling_step(height, width)
        self._counts = np.zeros((3, 256), np.int64)
        self._frames = 0
        self._stillness = Stillness()

    @property
    def longest_still(self) -> int:
        """The longest run of frames whose sampled pixels are all equal."""
        return self._stillness.longest

    def add(self, pixels: NDArray[np.uint8], channels: str) -> None:
        """Count one `(height, width, 3)` frame; `channels` is `rgb24` or `bgr24`."""
        sample = np.ascontiguousarray(pixels[:: self._step, :: self._step])
        self._stillness.add(sample)
        order = (0, 1, 2) if channels == 'rgb24' else (2, 1, 0)
        for row, channel in enumerate(order):
            self._counts[row] += np.bincount(sample[..., channel].ravel(), minlength=256)
        self._frames += 1

    def result(self) -> Stats:
        """Return the statistics in 0..1; all of shape `(3, 1, 1)`, count = frames."""
        levels = np.arange(256) / 255.0
        total = self._counts.sum(axis=1)
        present = self._counts > 0
        mean = self._counts @ levels / total
        apart = (levels - mean[:, None]) ** 2
        result = {
            'min': levels[present.argmax(axis=1)],
            'max': levels[255 - present[:, ::-1].argmax(axis=1)],
            'mean': mean,
            'std': np.sqrt((self._counts * apart).sum(axis=1) / total),
        }
        cumulative = self._counts.cumsum(axis=1)
        for name, share in QUANTILES.items():
            rank = share * total[:, None]
            result[name] = levels[(cumulative >= rank).argmax(axis=1)]
        shaped = {name: value.reshape(3, 1, 1) for name, value in result.items()}
        shaped['count'] = np.array([self._frames], np.int64)
        return shaped


def aggregate(parts: Sequence[Mapping[str, Stats]]) -> dict[str, Stats]:
    """Combine the statistics of several episodes, feature by feature.

    Minimum, maximum, weighted mean and pooled standard deviation are exact; quantiles are the
    weighted mean of the episodes' quantiles, as in LeRobot 0.4 to 0.6.1.
    """
    features = {name: None for part in parts for name in part}
    return {name: _combine([part[name] for part in parts if name in part]) for name in features}


def _combine(parts: list[Stats]) -> Stats:
    if len(parts) == 1:
        return dict(parts[0])
    counts = np.array([part['count'][0] for part in parts], np.float64)
    weights = counts.reshape(-1, *[1] * parts[0]['mean'].ndim) / counts.sum()

    def stacked(name: str) -> NDArray[np.float64]:
        return np.stack([np.asarray(part[name], np.float64) for part in parts])

    mean = (stacked('mean') * weights).sum(axis=0)
    variance = ((stacked('std') ** 2 + (stacked('mean') - mean) ** 2) * weights).sum(axis=0)
    combined: Stats = {
        'min': stacked('min').min(axis=0),
        'max': stacked('max').max(axis=0),
        'mean': mean,
        'std': np.sqrt(variance),
        'count': np.array([int(counts.sum())], np.int64),
    }
    for name in QUANTILES:
        if all(name in part for part in parts):
            combined[name] = (stacked(name) * weights).sum(axis=0)
    return combined


def to_lists(stats: Mapping[str, Stats]) -> dict[str, dict[str, Any]]:
    """Return plain lists for JSON: counts as integers, everything else as floats."""
    return {
        feature: {
            name: value.astype(np.int64 if name == 'count' else np.float64).tolist()
            for name, value in entries.items()
        }
        for feature, entries in stats.items()
    }


def from_lists(data: Mapping[str, Mapping[str, Any]]) -> dict[str, Stats]:
    """Return the arrays of a stats.json."""
    return {
        feature: {
            name: np.asarray(value, np.int64 if name == 'count' else np.float64)
            for name, value in entries.items()
        }
        for feature, entries in data.items()
    }
