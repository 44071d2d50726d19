"""What is to happen later on a simulated bus, in the order of its time."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

Action = Callable[[], None]


class Timeline:
    """Actions with the monotonic time (ns) at which they are due; may be filled from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[tuple[int, int, Action]] = []
        self._number = itertools.count()

    def add(self, due_ns: int, action: Action) -> None:
        """Plan an action; actions of the same time happen in the order they were added."""
        with self._lock:
            heapq.heappush(self._entries, (due_ns, next(self._number), action))

    def take_due(self, now_ns: int) -> list[Action]:
        """Remove and return what is due."""
        due = []
        with self._lock:
            while self._entries and self._entries[0][0] <= now_ns:
                due.append(heapq.heappop(self._entries)[2])
        return due

    def wait_s(self, now_ns: int) -> float | None:
        """Return how long nothing is due; None when nothing is planned."""
        with self._lock:
            if not self._entries:
                return None
            return max(self._entries[0][0] - now_ns, 0) / 1e9

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
