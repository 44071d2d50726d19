"""One take while its rows are being built: grid, end, gaps and counters around a `Take`."""

from __future__ import annotations

import threading
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from recorder_node import report as reports
from recorder_node.errors import RecorderError
from recorder_node.messages import NS
from recorder_node.sampler import Row, Sampler, grid_ns
from recorder_node.streams import StreamBuffer
from recorder_node.take import SealedTake, Take

# Slewing moves a clock by at most 0.5 ms per second; a jump is a step.
CLOCK_STEP_NS = NS // 20


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
        self._counters = {key: buffer.counters() for key, buffer in buffers.items()}
        self._fallbacks: Counter[str] = Counter()
        self._stale: Counter[str] = Counter()
        self._stale_since_ns: dict[str, int] = {}
        self._built_ns = array('q')
        self._clock_offset_ns: int | None = None
        self.cut_reason = ''
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
    def lost(self) -> int:
        """Messages missing on all streams since the take began."""
        return sum(
            buffer.counters().since(self._counters[key]).lost
            for key, buffer in self._buffers.items()
        )

    def end_at(self, now_ns: int) -> None:
        """Let the row at or before `now_ns` be the last."""
        rows = (now_ns - self.take.t0_ns) * self.take.fps // NS + 1
        self._end_rows = max(1, min(self._end_rows, rows))

    def build_due(self, now_ns: int, steady_ns: int) -> int | None:
        """Build every row that is due; return when the next is, None when there is none.

        Raises:
            TakeError: the take ends with the rows built so far.
        """
        try:
            self._check_clock(now_ns - steady_ns)
            while self.take.rows < self._end_rows:
                due_ns = self.next_ns + self._row_delay_ns
                if now_ns < due_ns:
                    return due_ns
                row = self._sampler.row(self.take.t0_ns, self.take.rows)
                self._note(row)
                self.take.add(row, self._task())
                self._built_ns.append(steady_ns)
        except Exception as error:  # whatever it is, the rows so far are good
            self._end_rows = self.take.rows
            self.cut_reason = self._in_words(error)
            self.complete.set()
            if isinstance(error, TakeError):
                raise
            raise TakeError(self.cut_reason) from error
        self.complete.set()
        return None

    def report(self, sealed: SealedTake) -> dict[str, Any]:
        """Return the episode's report."""
        counters = {
            key: buffer.counters().since(self._counters[key])
            for key, buffer in self._buffers.items()
        }
        report = reports.make(sealed, counters, self._fallbacks, self._stale, self._built_ns)
        if self.cut_reason:
            report['warnings'].append(f'ended early: {self.cut_reason}')
        return report

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
                topic = self._buffers[key].source.topic
                raise TakeError(f'{topic} ({key}) is silent for {pick.age_ns / NS:.1f} s')
            self._stale[key] += 1

    def _check_clock(self, offset_ns: int) -> None:
        """Compare the ROS clock with the steady one since the last call."""
        last_ns, self._clock_offset_ns = self._clock_offset_ns, offset_ns
        if last_ns is not None and abs(offset_ns - last_ns) > CLOCK_STEP_NS:
            raise TakeError(f'the clock stepped by {(offset_ns - last_ns) / NS:+.3f} s')
