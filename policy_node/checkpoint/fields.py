"""Typed reading of a JSON object that somebody else wrote: every mistake is listed, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar('T')


class Fields:
    """Fields of a config.json; unknown ones are never looked at.

    Args:
        raw: the JSON object.
        problems: gets one sentence for each value that cannot be used.
        defaults: for fields that the file does not have; a field in neither is a problem.
    """

    def __init__(
        self, raw: Mapping[str, Any], problems: list[str], defaults: Mapping[str, Any]
    ) -> None:
        self._raw = raw
        self._defaults = defaults
        self.problems = problems

    def value(self, name: str) -> Any:
        """Return the value as it stands in the file, else the default."""
        if name in self._raw:
            return self._raw[name]
        if name not in self._defaults:
            self.problems.append(f'"{name}" is missing')
        return self._defaults.get(name)

    def whole(self, name: str, lowest: int = 1, highest: int = 100_000) -> int:
        """Return a whole number; `lowest` in place of one that cannot be used."""
        value = self.value(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return self._refuse(name, value, 'must be a whole number', lowest)
        if not lowest <= value <= highest:
            return self._refuse(name, value, f'must be {lowest} to {highest}', lowest)
        return value

    def number(self, name: str, lowest: float = -math.inf, highest: float = math.inf) -> float:
        """Return a finite number; 1.0 in place of one that cannot be used."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return self._refuse(name, value, 'must be a number', 1.0)
        if not (math.isfinite(value) and lowest <= value <= highest):
            words = f'must be {lowest:g} to {highest:g}'
            return self._refuse(name, value, words if lowest > -math.inf else 'must be finite', 1.0)
        return float(value)

    def flag(self, name: str) -> bool:
        """Return a truth value; old files write some of them as 0 and 1."""
        value = self.value(name)
        if value not in (False, True):
            return self._refuse(name, value, 'must be true or false', False)
        return bool(value)

    def word(self, name: str, choices: Sequence[str], cure: str = '') -> str:
        """Return one of the choices; the first in place of one that is none."""
        value = self.value(name)
        if value not in choices:
            words = f'is not supported; {" and ".join(choices)} can be run here'
            return self._refuse(name, value, words + (f': {cure}' if cure else ''), choices[0])
        return str(value)

    def sizes(self, name: str, count: int | None = None) -> tuple[int, ...]:
        """Return a list of positive whole numbers, of this length where one is given."""
        value = self.value(name)
        fits = isinstance(value, (list, tuple)) and all(
            isinstance(item, int) and not isinstance(item, bool) and 0 < item <= 100_000
            for item in value
        )
        if not fits or not value or (count is not None and len(value) != count):
            words = f'must be a list of {count or "some"} positive whole numbers'
            return self._refuse(name, value, words, tuple([1] * (count or 1)))
        return tuple(value)

    def _refuse(self, name: str, value: Any, words: str, instead: T) -> T:
        if name in self._raw or name in self._defaults:
            self.problems.append(f'"{name}": {value!r:.80} {words}')
        return instead
