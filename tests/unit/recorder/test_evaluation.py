"""Success rates and their interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder_node.session.evaluation import summary, wilson


@pytest.mark.parametrize(
    ('successes', 'trials', 'low', 'high'),
    # Published values of the score interval (Newcombe 1998, table I, method 3).
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_intervals(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500), st.data())
def test_the_rate_lies_within(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1
    assert high - low > 0


def test_no_trial_has_no_rate() -> None:
    with pytest.raises(ValueError, match='0 successes of 0'):
        wilson(0, 0)
    assert summary([]) == summary([None]) == ''


def test_the_line_counts_what_is_marked() -> None:
    text = summary(['success', 'failure', None, 'success'])
    assert text == '2 of 3 episodes were a success: 67% (95 % interval 21% to 94%); 1 not marked'
