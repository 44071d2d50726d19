"""One take while its rows are being built: grid, end, gaps and counters around a `Take`."""

from __future__ import annotations

import threading
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from recorder_node.episode import report as reports
from recorder_node.episode.take import SealedTake, Take
from recorder_node.errors import RecorderError
from recorder_node.streams.buffer import Counters, Pick, StreamBuffer
from recorder_node.streams.freshness import why_nothing
from recorder_node.streams.messages import NS
from recorder_node.streams.sampler import Row, Sampler, grid_ns

# The rows of an ended take are built this long after their time at the latest, whatever the clock
# of the stamps does: simulated time may be slow or stand still.
_PATIENCE_NS = NS


class TakeError(RecorderError):
    """Why a take cannot go on; its rows so far are good."""


class Recording:
    """Builds the rows of one take, in order, whenever it is told what time it is.

    Args:
        take: receives the rows.
        sampler: builds them.
        buffers: the streams, for their counters.
        max_rows: rows of a full episode.
        row_delay_ns: a row is built this long after its time.
        max_gap_ns: how long a stream may be stale.
        task: returns the words for the row being built.
    """

    def __init__(
        self,
        take: Take,
        sampler: Sampler,
        buffers: Mapping[str, StreamBuffer],
        max_rows: int,
        row_delay_ns: int,
        max_gap_ns: int,
        task: Callable[[], str],
    ) -> None:
        self.take = take
        self.complete = threading.Event()
        self._sampler = sampler
        self._buffers = buffers
        self._end_rows = max_rows
        self._row_delay_ns = row_delay_ns
        self._max_gap_ns = max_gap_ns
        self._task = task
        self._before = self._counted()
        self._after: dict[str, Counters] | None = None
        self._fallbacks: Counter[str] = Counter()
        self._stale: Counter[str] = Counter()
        self._stale_since_ns: dict[str, int] = {}
        self._built_ns = array('q')
        self._last_ns: int | None = None
        self.cut_reason = ''
        # What else the report should warn of.
        self.notices: list[str] = []
        # How often the clock had stepped when it began.
        self.epoch = 0
        # How the operator marks the episode; to be handed to the take when it is sealed.
        self.outcome: bool | None = None

    @property
    def end_ns(self) -> int:
        """When the episode is over."""
        return grid_ns(self.take.t0_ns, self._end_rows, self.take.fps)

    @property
    def next_ns(self) -> int:
        """The time of the next row."""
        return grid_ns(self.take.t0_ns, self.take.rows, self.take.fps)

    @property
    def counters(self) -> dict[str, Counters]:
        """What happened on each stream from the beginning of the take to its last row."""
        after = self._after or self._counted()
        return {key: after[key].since(before) for key, before in self._before.items()}

    def end_at(self, now_ns: int, steady_ns: int) -> None:
        """Let the row at or before `now_ns` be the last."""
        rows = (now_ns - self.take.t0_ns) * self.take.fps // NS + 1
        self._end_rows = max(1, min(self._end_rows, rows))
        self._last_ns = steady_ns + self._row_delay_ns + _PATIENCE_NS

    def build_due(self, now_ns: int, steady_ns: int) -> int | None:
        """Build every row that is due; return when the next is, None when there is none.

        Raises:
            TakeError: the take ends with the rows built so far.
        """
        try:
            while self.take.rows < self._end_rows:
                due_ns = self.next_ns + self._row_delay_ns
                waits = self._last_ns is None or steady_ns < self._last_ns
                if now_ns < due_ns and waits:
                    return due_ns
                row = self._sampler.row(self.take.t0_ns, self.take.rows)
                self._note(row)
                self.take.add(row, self._task())
                self._built_ns.append(now_ns)
        except Exception as error:  # whatever it is, the rows so far are good
            self.cut(self._in_words(error))
            if isinstance(error, TakeError):
                raise
            raise TakeError(self.cut_reason) from error
        self._complete()
        return None

    def cut(self, reason: str) -> None:
        """End with the rows built so far."""
        self._end_rows = self.take.rows
        self.cut_reason = reason
        self._complete()

    def report(self, sealed: SealedTake) -> dict[str, Any]:
        """Return the episode's report."""
        refusals = {key: buffer.last_refusal for key, buffer in self._buffers.items()}
        report = reports.make(
            sealed, self.counters, self._fallbacks, self._stale, refusals, self._built_ns
        )
        report['warnings'] += self.notices
        if self.cut_reason:
            report['warnings'].append(f'ended early: {self.cut_reason}')
        return report

    def _complete(self) -> None:
        """Stop counting: what comes now belongs to the next take."""
        self._after = self._counted()
        self.complete.set()

    def _counted(self) -> dict[str, Counters]:
        return {key: buffer.counters() for key, buffer in self._buffers.items()}

    def _in_words(self, error: Exception) -> str:
        if isinstance(error, OSError):
            return f'cannot write to {self.take.folder}: {error.strerror or error}'
        return str(error)

    def _note(self, row: Row) -> None:
        """Count what was not ideal; end the take when a stream is silent for too long."""
        for key, pick in row.picks.items():
            self._fallbacks[key] += pick.fallback
            if key not in row.stale:
                self._stale_since_ns.pop(key, None)
                continue
            since_ns = self._stale_since_ns.setdefault(key, row.t_ns)
            if row.t_ns - since_ns > self._max_gap_ns:
                raise TakeError(self._why_stale(key, pick))
            self._stale[key] += 1

    def _why_stale(self, key: str, pick: Pick) -> str:
        name = f'{self._buffers[key].source.topic} ({key})'
        if told := why_nothing(self._buffers[key]):
            return f'{name} has nothing usable for {pick.age_ns / NS:.1f} s: {told}'
        return f'{name} is silent for {pick.age_ns / NS:.1f} s'
