"""Success rates of a session's episodes, with the interval that so few trials leave open."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Of the normal distribution, for 95 %.
_Z = 1.959964


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a success rate (0..1).

    It stays within 0..1 and is useful for few trials and for rates of 0 and 1 (Wilson, 1927).

    Raises:
        ValueError: when there is no trial, or more successes than trials.
    """
    if not 0 <= successes <= trials or not trials:
        raise ValueError(f'{successes} successes of {trials} trials')
    rate, square = successes / trials, _Z**2
    centre = rate + square / (2 * trials)
    spread = _Z * math.sqrt(rate * (1 - rate) / trials + square / (4 * trials**2))
    scale = 1 + square / trials
    low = (centre - spread) / scale if successes else 0.0
    high = (centre + spread) / scale if successes < trials else 1.0
    return low, high


def summary(outcomes: Sequence[str | None]) -> str:
    """Return one line about the saved episodes' outcomes; '' when none was marked.

    Args:
        outcomes: `success`, `failure` or None, by episode.
    """
    marked = [outcome for outcome in outcomes if outcome is not None]
    if not marked:
        return ''
    successes, trials = marked.count('success'), len(marked)
    low, high = wilson(successes, trials)
    text = (
        f'{successes} of {trials} episodes were a success: {successes / trials:.0%} '
        f'(95 % interval {low:.0%} to {high:.0%})'
    )
    unmarked = len(outcomes) - trials
    return f'{text}; {unmarked} not marked' if unmarked else text
