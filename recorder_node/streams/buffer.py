"""Bounded history of one topic, ordered by stamp, and the alignment rules that pick from it.

Callbacks push, the sampler picks and releases what no row can use any more, so that only a few
pictures are held. When it comes so late that the history is full, the oldest sample leaves.
"""

from __future__ import annotations

import dataclasses
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from recorder_node.contract.contract import TEXT_TYPE, Source
from recorder_node.streams.beat import Beat
from recorder_node.streams.messages import NS, Value

# Frame ids with which the follower tells a new command from a repeated goal.
HOLD_FRAME = 'hold'
# So many messages in a row with stamps from before the history: their publisher began again.
_BEGUN_AGAIN = 5


class Sample(NamedTuple):
    """One value with the time it was measured and the time it arrived (ROS time)."""

    stamp_ns: int
    recv_ns: int
    frame_id: str
    value: Value


class Pick(NamedTuple):
    """The sample chosen for a row; `age_ns` is row time minus stamp (negative for `next`)."""

    sample: Sample
    age_ns: int
    fallback: bool = False


@dataclasses.dataclass
class Counters:
    """What happened on a stream since the node started.

    Refused were messages that did not fit the contract (`malformed`), and those with stamps `ahead`
    of the clock, or `behind` what is kept. `foreign` ones are another source's.
    """

    received: int = 0
    lost: int = 0
    out_of_order: int = 0
    malformed: int = 0
    ahead: int = 0
    behind: int = 0
    foreign: int = 0

    @property
    def refused(self) -> int:
        """How many messages of this stream were of no use."""
        return self.malformed + self.ahead + self.behind

    def since(self, earlier: Counters) -> Counters:
        """Return the difference to an earlier copy."""
        return Counters(
            *(
                now - then
                for now, then in zip(
                    dataclasses.astuple(self), dataclasses.astuple(earlier), strict=True
                )
            )
        )


class Refusals(NamedTuple):
    """Messages refused since the last good one, and why the last was."""

    in_a_row: int
    reason: str


class StreamBuffer:
    """The recent samples of one source.

    Args:
        key: name of the stream in reports, `<feature>` or `<feature>#<n>`.
        source: the contract's entry.
        history_ns: how far back samples are kept at the most, counted from the newest.
    """

    def __init__(self, key: str, source: Source, history_ns: int) -> None:
        self.key = key
        self.source = source
        self._history_ns = history_ns
        self._latency_ns = round(source.latency_s * NS)
        self._lock = threading.Lock()
        self._samples: list[Sample] = []
        self._stamps: list[int] = []
        self._counters = Counters()
        self._beat = Beat(source.rate_hz)
        self._refusals = Refusals(0, '')
        self._behind_in_a_row = 0
        self.foreign_names = ''
        # Why the last message that was of no use was refused.
        self.last_refusal = ''

    def push(self, sample: Sample) -> str:
        """Add a sample; equal stamps replace, a late one is sorted in and counted.

        One with a stamp from before the history is refused, until several in a row say that the
        publisher's clock was set back, or that a bag began again: the history begins again too.

        Returns:
            why it was refused, '' when it was not.
        """
        stamp_ns = sample.stamp_ns - self._latency_ns
        sample = sample._replace(stamp_ns=stamp_ns)
        with self._lock:
            if self._stamps and stamp_ns < self._stamps[-1] - self._history_ns:
                back_s = (self._stamps[-1] - stamp_ns) / NS
                self._behind_in_a_row += 1
                if self._behind_in_a_row < _BEGUN_AGAIN:
                    reason = f'its stamp is {back_s:.1f} s before the last one'
                    self._refuse('behind', reason)
                    return reason
                self._begin_again(())
            self._behind_in_a_row = 0
            self._counters.received += 1
            if not self._stamps or stamp_ns > self._stamps[-1]:
                lost = self._beat.note(stamp_ns, self._refusals.in_a_row)
                if self.source.type != TEXT_TYPE:
                    self._counters.lost = max(0, self._counters.lost + lost)
                self._samples.append(sample)
                self._stamps.append(stamp_ns)
            else:
                self._counters.out_of_order += 1
                at = bisect_left(self._stamps, stamp_ns)
                if self._stamps[at] == stamp_ns:
                    self._samples[at] = sample
                else:
                    self._samples.insert(at, sample)
                    self._stamps.insert(at, stamp_ns)
            self._refusals = self._refusals._replace(in_a_row=0)
            self._forget(self._stamps[-1] - self._history_ns)
        return ''

    def release(self, t_ns: int) -> None:
        """Forget what no row from `t_ns` on can use."""
        with self._lock:
            self._forget(t_ns)

    def refuse(self, kind: str, reason: str) -> None:
        """Count a message that is of no use.

        Args:
            kind: the counter, `malformed` or `ahead`.
            reason: for people.
        """
        with self._lock:
            self._refuse(kind, reason)

    def note_foreign(self, names: str) -> None:
        """Count a message that is another source's, with the joints that it has."""
        with self._lock:
            self._counters.foreign += 1
            self.foreign_names = names

    def refusals(self) -> Refusals:
        """Return what was refused since the last good message."""
        with self._lock:
            return self._refusals

    def step(self, step_ns: int) -> None:
        """Forget what was stamped before a step of the clock; a text that holds is moved along."""
        with self._lock:
            last = self._samples[-1:] if self.source.type == TEXT_TYPE else []
            self._begin_again(
                [sample._replace(stamp_ns=sample.stamp_ns + step_ns) for sample in last]
            )

    def counters(self) -> Counters:
        """Return a copy of the counters."""
        with self._lock:
            return dataclasses.replace(self._counters)

    def newest(self) -> Sample | None:
        """Return the sample with the newest stamp."""
        with self._lock:
            return self._samples[-1] if self._samples else None

    def rate_hz(self) -> float:
        """Return the rate over the last second, 0 when there are too few samples."""
        with self._lock:
            return self._beat.rate_hz

    def __len__(self) -> int:
        """Return how many samples are held."""
        with self._lock:
            return len(self._samples)

    def pick(self, t_ns: int, period_ns: int) -> Pick | None:
        """Pick the sample for a row at `t_ns` by the source's alignment; None when there is none.

        `hold` takes the newest stamp <= t; `next` the first stamp in [t, t + 1.5 periods), a new
        command before a repeated goal, else the last value before t; `nearest` the closest stamp;
        `linear` interpolates (numbers only).
        """
        with self._lock:
            align = self.source.align
            if align == 'next':
                return self._next(t_ns, t_ns + period_ns * 3 // 2)
            after = bisect_right(self._stamps, t_ns)
            before = self._samples[after - 1] if after else None
            following = self._samples[after] if after < len(self._samples) else None
        if align == 'hold':
            return _picked(before, t_ns)
        if align == 'nearest':
            if before is None or following is None:
                return _picked(before or following, t_ns)
            closer = t_ns - before.stamp_ns <= following.stamp_ns - t_ns
            return _picked(before if closer else following, t_ns)
        return _interpolated(before, following, t_ns)

    def _next(self, t_ns: int, end_ns: int) -> Pick | None:
        first = bisect_left(self._stamps, t_ns)
        window = self._samples[first : bisect_left(self._stamps, end_ns)]
        for sample in window:
            if sample.frame_id != HOLD_FRAME:
                return _picked(sample, t_ns)
        if window:
            return _picked(window[0], t_ns)
        if not first:
            return None
        return Pick(self._samples[first - 1], t_ns - self._stamps[first - 1], fallback=True)

    def _forget(self, t_ns: int) -> None:
        """Drop what is older than `t_ns`, except the last one: a slow stream is held from it."""
        oldest = bisect_right(self._stamps, t_ns) - 1
        if oldest > 0:
            del self._samples[:oldest]
            del self._stamps[:oldest]

    def _refuse(self, kind: str, reason: str) -> None:
        setattr(self._counters, kind, getattr(self._counters, kind) + 1)
        self._refusals = Refusals(self._refusals.in_a_row + 1, reason)
        self.last_refusal = reason

    def _begin_again(self, samples: Sequence[Sample]) -> None:
        self._samples = list(samples)
        self._stamps = [sample.stamp_ns for sample in samples]
        self._beat.begin_again()


def _picked(sample: Sample | None, t_ns: int) -> Pick | None:
    return None if sample is None else Pick(sample, t_ns - sample.stamp_ns)


def _interpolated(before: Sample | None, after: Sample | None, t_ns: int) -> Pick | None:
    if before is None or after is None:
        return _picked(before, t_ns)
    assert isinstance(before.value, np.ndarray)
    assert isinstance(after.value, np.ndarray)
    share = (t_ns - before.stamp_ns) / (after.stamp_ns - before.stamp_ns)
    value = before.value + share * (after.value - before.value)
    return Pick(before._replace(value=value), t_ns - before.stamp_ns)
