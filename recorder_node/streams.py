"""Bounded history of one topic, ordered by stamp, and the alignment rules that pick from it.

Callbacks push, the sampler picks and releases what no row can use any more, so that only a few
pictures are held. When it comes so late that the history is full, the oldest sample leaves.
"""

from __future__ import annotations

import dataclasses
import threading
from bisect import bisect_left, bisect_right
from collections import deque
from typing import NamedTuple

import numpy as np

from recorder_node.contract import TEXT_TYPE, Source
from recorder_node.messages import NS, Value

# Frame ids with which the follower tells a new command from a repeated goal.
HOLD_FRAME = 'hold'
# A stamp this far ahead of the clock means that the publisher's clock differs.
AHEAD_NS = NS // 4
# In periods: up to _LATE a sample counts as late, not lost; from _PAUSE on the stream was paused.
_LATE = 0.75
_PAUSE = 100
# How much lateness carries over to the next sample; less than all, so that a rate slightly off
# the promised one never adds up to a loss.
_REMEMBERED = 0.8
# Over which the rate is measured.
_RATE_NS = NS
# Gaps that the period is estimated from, where the contract does not tell it: the mean of the
# middle half, so that neither pauses nor bursts count.
_GAPS = 32


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
    """What happened on a stream since the node started."""

    received: int = 0
    lost: int = 0
    out_of_order: int = 0
    malformed: int = 0

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
        self._period_ns = NS / source.rate_hz if source.rate_hz else 0.0
        self._gaps: deque[int] = deque(maxlen=_GAPS)
        self._beats: deque[int] = deque()
        # How much of a period the last sample came early, against a regular beat.
        self._early = 0.0

    def push(self, sample: Sample) -> None:
        """Add a sample; equal stamps replace, a late one is sorted in and counted."""
        stamp_ns = sample.stamp_ns - self._latency_ns
        sample = sample._replace(stamp_ns=stamp_ns)
        with self._lock:
            self._counters.received += 1
            if not self._stamps or stamp_ns > self._stamps[-1]:
                if self._stamps and self.source.type != TEXT_TYPE:
                    self._note_gap(stamp_ns - self._stamps[-1])
                self._samples.append(sample)
                self._stamps.append(stamp_ns)
                self._beats.append(stamp_ns)
                while stamp_ns - self._beats[0] > _RATE_NS:
                    self._beats.popleft()
            else:
                self._counters.out_of_order += 1
                at = bisect_left(self._stamps, stamp_ns)
                if self._stamps[at] == stamp_ns:
                    self._samples[at] = sample
                else:
                    self._samples.insert(at, sample)
                    self._stamps.insert(at, stamp_ns)
            self._forget(self._stamps[-1] - self._history_ns)

    def release(self, t_ns: int) -> None:
        """Forget what no row from `t_ns` on can use."""
        with self._lock:
            self._forget(t_ns)

    def note_malformed(self) -> None:
        """Count a message that did not fit the contract."""
        with self._lock:
            self._counters.malformed += 1

    def clear(self) -> None:
        """Forget all samples, as after a step of the clock."""
        with self._lock:
            self._samples.clear()
            self._stamps.clear()
            self._beats.clear()

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
            if len(self._beats) < 3:
                return 0.0
            return (len(self._beats) - 1) * NS / (self._beats[-1] - self._beats[0])

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

    def _note_gap(self, gap_ns: int) -> None:
        """Count the periods that a gap spans more than one; a sample merely late takes it back."""
        if not self.source.rate_hz:
            self._gaps.append(gap_ns)
            ordered = sorted(self._gaps)
            middle = ordered[len(ordered) // 4 : len(ordered) - len(ordered) // 4]
            self._period_ns = sum(middle) / len(middle)
        missing = gap_ns / self._period_ns - 1 + self._early
        whole = round(missing) if abs(missing) > _LATE else 0
        self._early = (missing - whole) * _REMEMBERED
        if whole < _PAUSE:
            self._counters.lost = max(0, self._counters.lost + whole)


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


def why_not_fresh(buffer: StreamBuffer, now_ns: int) -> str:
    """Return '' when the stream is fresh enough to start an episode, else the reason."""
    newest = buffer.newest()
    topic = buffer.source.topic
    if newest is None:
        return f'{topic} ({buffer.key}): nothing received yet'
    age_ns = now_ns - newest.stamp_ns
    if age_ns < -AHEAD_NS:
        return (
            f'{topic} ({buffer.key}): stamps are {-age_ns / NS:.1f} s ahead of this '
            "machine's clock; synchronise the clocks or use stamp: receive"
        )
    if age_ns <= buffer.source.max_age_s * NS:
        return ''
    if now_ns - newest.recv_ns <= buffer.source.max_age_s * NS:
        return (
            f'{topic} ({buffer.key}): stamps are {age_ns / NS:.1f} s behind this '
            "machine's clock although messages arrive; synchronise the clocks or use "
            'stamp: receive'
        )
    return (
        f'{topic} ({buffer.key}): last message is {age_ns / NS:.1f} s old, '
        f'{buffer.source.max_age_s:g} s is allowed'
    )
