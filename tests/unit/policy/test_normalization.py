"""Normalisation against LeRobot's formulas, in float64, and there and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from policy_node.checkpoint.normalization import EPS, STATISTICS, make_scaling

numbers = st.floats(-1000, 1000, width=32)
spans = st.floats(2**-10, 1000, width=32)
vectors = st.lists(st.tuples(numbers, spans, numbers), min_size=1, max_size=6)
modes = st.sampled_from([mode for mode in STATISTICS if mode != 'IDENTITY'])


def floats(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


@given(vectors, modes, st.booleans())
def test_there_and_back(values: list[tuple[float, float, float]], mode: str, old: bool) -> None:
    first = floats([low for low, _, _ in values])
    second = floats([span if mode == 'MEAN_STD' else low + span for low, span, _ in values])
    x = floats([value for _, _, value in values])
    names = STATISTICS[mode]
    scaling = make_scaling(mode, {names[0]: first, names[1]: second}, old_formula=old)
    assert scaling is not None
    back = scaling.unnormalize(scaling.normalize(x))
    size = x.abs() + first.abs() + second.abs()
    # Rounding of the normalised value, scaled back; eps moves what the old formula gives.
    assert torch.all((back - x).abs() <= 1e-5 * size + 2e-5 * (x - first).abs() + 1e-6)


@given(vectors)
def test_formulas(values: list[tuple[float, float, float]]) -> None:
    low, span, x = (np.array(column, np.float32) for column in zip(*values, strict=True))
    high = low + span
    wide = high.astype(np.float64) - low
    share = (x.astype(np.float64) - low) / np.where(wide == 0, EPS, wide)
    statistics = {'min': torch.from_numpy(low), 'max': torch.from_numpy(high)}
    scaling = make_scaling('MIN_MAX', statistics)
    assert scaling is not None
    np.testing.assert_allclose(
        scaling.normalize(torch.from_numpy(x)), 2 * share - 1, rtol=1e-3, atol=1e-3
    )


def test_constant_dimensions_differ_between_the_ages() -> None:
    statistics = {'min': floats([3.0]), 'max': floats([3.0])}
    new = make_scaling('MIN_MAX', statistics)
    old = make_scaling('MIN_MAX', statistics, old_formula=True)
    assert new and old
    assert new.normalize(floats([3.0])).item() == -1
    assert old.normalize(floats([3.0])).item() == -1
    assert new.normalize(floats([4.0])).item() == pytest.approx(2e8)
    # The old range of zero gives back the value itself, the new one almost.
    assert old.unnormalize(floats([5.0])).item() == 3.0
    assert new.unnormalize(floats([5.0])).item() == pytest.approx(3.0, abs=1e-6)


def test_identity_is_no_work() -> None:
    assert make_scaling('IDENTITY', {}) is None


def test_images_scale_by_channel() -> None:
    statistics = {'mean': torch.rand(3, 1, 1), 'std': torch.rand(3, 1, 1) + 0.1}
    scaling = make_scaling('MEAN_STD', statistics)
    assert scaling
    image = torch.rand(3, 4, 5)
    wanted = (image - statistics['mean']) / (statistics['std'] + EPS)
    torch.testing.assert_close(scaling.normalize(image), wanted)
