"""Statistics: equal to NumPy in float64, pictures to LeRobot's formula, whatever the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from recorder_node.encoding.depth_stats import DepthStats
from recorder_node.encoding.stats import QUANTILES, PictureStats, numeric_stats


@settings(deadline=None)
@given(
    values=arrays.arrays(
        np.float32,
        arrays.array_shapes(min_dims=2, max_dims=4, max_side=6),
        elements=st.floats(-1, 1, width=32),
    ),
    offset=st.sampled_from([0.0, 1000.0, 1e7]),
    keep_axes=st.booleans(),
)
def test_numbers_equal_numpy(values: np.ndarray, offset: float, keep_axes: bool) -> None:
    values = values + np.float32(offset)
    stats = numeric_stats(values, keep_axes)
    exact = values.astype(np.longdouble)
    flat = exact if keep_axes else exact.reshape(-1, values.shape[-1])
    for name, true in (
        ('min', flat.min(0)),
        ('max', flat.max(0)),
        ('mean', flat.mean(0)),
        ('std', flat.std(0)),
    ):
        assert stats[name].shape == (values.shape[1:] if keep_axes else values.shape[-1:])
        np.testing.assert_allclose(stats[name], true.astype(float), rtol=1e-6, atol=1e-8)
    for name, share in QUANTILES.items():
        np.testing.assert_allclose(
            stats[name], np.quantile(flat.astype(float), share, axis=0), rtol=1e-6, atol=1e-8
        )
    assert stats['count'].tolist() == [len(values)]


def test_one_row_has_no_spread() -> None:
    stats = numeric_stats(np.array([[3.0, 4.0]], np.float32))
    assert stats['std'].tolist() == [0.0, 0.0]
    assert all(stats[name].tolist() == [3.0, 4.0] for name in QUANTILES)


def lerobots(frames: np.ndarray, levels: float) -> dict[str, np.ndarray]:
    """Statistics of frames `(n, height, width, channels)` by LeRobot 0.6's formula, all frames."""
    longer = max(frames.shape[1:3])
    step = int(longer / 150) if longer >= 300 else 1
    pixels = frames[:, ::step, ::step].reshape(-1, frames.shape[-1]).astype(np.float64) / levels
    stats = {
        'min': pixels.min(0),
        'max': pixels.max(0),
        'mean': pixels.mean(0),
        'std': pixels.std(0),
    }
    for name, share in QUANTILES.items():
        # Its histogram finds the first value with so many at or below, to 1/5000 of the range.
        stats[name] = np.quantile(pixels, share, axis=0, method='inverted_cdf')
    return stats


SIZES = [(48, 64), (2, 2), (301, 20), (480, 640)]


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('frames', [1, 3])
@pytest.mark.parametrize('kind', ['noise', 'constant', 'dark'])
def test_pictures_equal_lerobots_formula(size: tuple[int, int], frames: int, kind: str) -> None:
    random = np.random.default_rng(3)
    high = {'noise': 256, 'constant': 1, 'dark': 3}[kind]
    data = random.integers(0, high, (frames, *size, 3), np.uint8) + (90 if high == 1 else 0)
    data = data.astype(np.uint8)
    stats = PictureStats(*size)
    for frame in data:
        stats.add(frame, 'rgb24')
    result, true = stats.result(), lerobots(data, 255.0)
    for name in ('min', 'max', 'mean', 'std'):
        np.testing.assert_allclose(result[name].ravel(), true[name], rtol=1e-6, atol=1e-12)
    for name in QUANTILES:
        np.testing.assert_allclose(result[name].ravel(), true[name], atol=1e-9)
    assert result['count'].tolist() == [frames]


@pytest.mark.parametrize('unit', ['mm', 'm'])
@pytest.mark.parametrize('offset', [0, 60_000])
@pytest.mark.parametrize('frames', [1, 4])
def test_depth_equals_numpy(unit: str, offset: int, frames: int) -> None:
    random = np.random.default_rng(5)
    data = (random.integers(0, 3000, (frames, 120, 400, 1)) + offset).astype(np.uint16)
    data[0, :9, :9] = 0
    if unit == 'm':
        data = data.astype(np.float32) / np.float32(1000)
    stats = DepthStats(120, 400, unit)
    for frame in data:
        stats.add(frame[..., 0])
    result, true = stats.result(), lerobots(data, 1.0)
    for name in ('min', 'max', 'mean', 'std'):
        assert result[name].shape == (1, 1, 1)
        np.testing.assert_allclose(result[name].ravel(), true[name], rtol=1e-6)
    for name in QUANTILES:
        np.testing.assert_allclose(result[name].ravel(), true[name], rtol=1e-4)


def test_a_picture_that_does_not_change_is_counted() -> None:
    stats = PictureStats(48, 64)
    for level in (0, 0, 1, 1, 1, 0):
        stats.add(np.full((48, 64, 3), level, np.uint8), 'rgb24')
    assert stats.longest_still == 3
