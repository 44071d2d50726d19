"""Stream buffers: order, bounds, alignment rules, freshness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder_node.contract.contract import TEXT_TYPE, Source
from recorder_node.streams.buffer import HOLD_FRAME, Sample, StreamBuffer
from recorder_node.streams.freshness import why_not_fresh
from recorder_node.streams.messages import NS

PERIOD_NS = NS // 30
MS = 1_000_000


def buffer(align: str = 'hold', history_s: float = 10.0, **values: object) -> StreamBuffer:
    source = Source('/t', 'sensor_msgs/msg/JointState', align=align, **values)  # type: ignore[arg-type]
    return StreamBuffer('s', source, round(history_s * NS))


def sample(
    stamp_ns: int, value: float = 0.0, frame: str = '', recv_ns: int | None = None
) -> Sample:
    return Sample(stamp_ns, stamp_ns if recv_ns is None else recv_ns, frame, np.array([value]))


def picked(stream: StreamBuffer, t_ns: int) -> int:
    pick = stream.pick(t_ns, PERIOD_NS)
    assert pick is not None
    return pick.sample.stamp_ns


@given(st.lists(st.integers(0, 10_000), min_size=1, unique=True), st.integers(0, 10_000))
def test_hold_is_the_newest_not_younger(stamps: list[int], t: int) -> None:
    stream = buffer()
    for stamp in stamps:
        stream.push(sample(stamp))
    older = [s for s in stamps if s <= t]
    pick = stream.pick(t, PERIOD_NS)
    assert (pick.sample.stamp_ns if pick else None) == (max(older) if older else None)


@given(st.lists(st.integers(0, 10_000), min_size=1, unique=True), st.integers(0, 10_000))
def test_nearest_has_the_smallest_distance(stamps: list[int], t: int) -> None:
    stream = buffer('nearest')
    for stamp in stamps:
        stream.push(sample(stamp))
    assert abs(picked(stream, t) - t) == min(abs(s - t) for s in stamps)


def test_next_prefers_a_new_command_to_a_repeated_goal() -> None:
    stream = buffer('next')
    for ms, frame in ((-5, 'command'), (5, HOLD_FRAME), (15, 'command'), (25, 'command')):
        stream.push(sample(1000 * MS + ms * MS, frame=frame))
    assert picked(stream, 1000 * MS) == 1015 * MS


def test_next_takes_a_repeated_goal_when_nothing_else_is_near() -> None:
    stream = buffer('next')
    for ms, frame in ((5, HOLD_FRAME), (15, HOLD_FRAME), (51, 'command')):
        stream.push(sample(1000 * MS + ms * MS, frame=frame))
    pick = stream.pick(1000 * MS, PERIOD_NS)
    assert pick is not None
    assert (pick.sample.stamp_ns, pick.fallback) == (1005 * MS, False)


def test_next_falls_back_to_the_last_value_and_says_so() -> None:
    stream = buffer('next')
    stream.push(sample(990 * MS))
    stream.push(sample(1050 * MS))
    pick = stream.pick(1000 * MS, PERIOD_NS)
    assert pick is not None
    assert pick.fallback
    assert pick.sample.stamp_ns == 990 * MS
    assert pick.age_ns == 10 * MS
    assert buffer('next').pick(0, PERIOD_NS) is None


def test_next_window_is_one_and_a_half_periods_open_at_its_end() -> None:
    for stamp, fallback in ((PERIOD_NS * 3 // 2 - 1, False), (PERIOD_NS * 3 // 2, True)):
        stream = buffer('next')
        stream.push(sample(-10))
        stream.push(sample(stamp))
        pick = stream.pick(0, PERIOD_NS)
        assert pick is not None
        assert pick.fallback is fallback


def test_linear_interpolates_and_holds_at_the_edge() -> None:
    stream = buffer('linear')
    stream.push(sample(0, 10.0))
    stream.push(sample(100, 20.0))
    values = [stream.pick(t, PERIOD_NS).sample.value[0] for t in (0, 25, 100, 150)]  # type: ignore[union-attr]
    assert values == [10.0, 12.5, 20.0, 20.0]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50))
def test_any_order_of_arrival_gives_the_same_history(stamps: list[int]) -> None:
    stream, ordered = buffer(), buffer()
    for stamp in stamps:
        stream.push(sample(stamp))
    for stamp in sorted(stamps):
        ordered.push(sample(stamp))
    for t in range(0, 1001, 50):
        a, b = stream.pick(t, PERIOD_NS), ordered.pick(t, PERIOD_NS)
        assert (a and a.sample.stamp_ns) == (b and b.sample.stamp_ns)


def test_the_history_is_bounded_but_a_slow_stream_is_still_held() -> None:
    stream = buffer(history_s=1.0)
    for second in range(100):
        stream.push(sample(second * 5 * NS))
    assert picked(stream, 494 * NS) == 490 * NS
    assert stream.pick(480 * NS, PERIOD_NS) is None


@pytest.mark.parametrize('align', ['hold', 'next', 'nearest', 'linear'])
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50), st.integers(0, 1100), st.data())
def test_what_is_released_was_of_no_use(
    align: str, stamps: list[int], t: int, data: st.DataObject
) -> None:
    whole, released = buffer(align), buffer(align)
    early = data.draw(st.integers(0, len(stamps)))
    for number, stamp in enumerate(stamps):
        if number == early:
            released.release(t)
        for stream in (whole, released):
            stream.push(sample(stamp, number))
    released.release(t)
    assert len(released) <= len([s for s in set(stamps) if s >= t]) + 1
    for later in range(t, 1200, 40):
        a, b = whole.pick(later, 100), released.pick(later, 100)
        assert (a and (a.sample, a.age_ns, a.fallback)) == (b and (b.sample, b.age_ns, b.fallback))


def test_the_rate_is_that_of_a_second_whatever_is_held() -> None:
    stream = buffer()
    for k in range(301):
        stream.push(sample(k * 10 * MS))
        stream.release(k * 10 * MS)
    assert len(stream) == 1
    assert stream.rate_hz() == pytest.approx(100.0)


def test_latency_moves_the_stamps() -> None:
    stream = buffer(latency_s=0.05)
    stream.push(sample(100 * MS))
    assert picked(stream, 60 * MS) == 50 * MS


def test_losses_are_counted_from_the_stamps() -> None:
    stream = buffer(rate_hz=30.0)
    for k in (0, 1, 2, 5, 6, 8):
        stream.push(sample(k * PERIOD_NS))
    assert stream.counters().lost == 3
    assert stream.counters().received == 6


def test_losses_of_an_unknown_rate_are_counted_from_the_usual_period() -> None:
    stream = buffer()
    for k in (*range(20), 22, 23):
        stream.push(sample(k * 10 * MS))
    assert stream.counters().lost == 2


@pytest.mark.parametrize('first_ms', [0.2, 3, 90])
def test_an_odd_beginning_does_not_set_the_usual_period(first_ms: float) -> None:
    stream = buffer()
    stream.push(sample(0))
    for k in range(1000):
        stream.push(sample(round((first_ms + k * 10) * MS)))
    assert stream.counters().lost <= 9


def test_pauses_and_bursts_do_not_change_the_usual_period() -> None:
    stream = buffer()
    stamps_ms = [*range(0, 300, 10), *range(300, 320), *range(1320, 3320, 10)]
    for stamp_ms in stamps_ms:
        stream.push(sample(stamp_ms * MS))
    assert stream.counters().lost <= 100, 'the pause of a second, at the very most'


@given(st.lists(st.floats(0, 0.7), min_size=50, max_size=200))
def test_jitter_is_no_loss(jitter: list[float]) -> None:
    stream = buffer(rate_hz=100.0)
    for k, late in enumerate(jitter):
        stream.push(sample(round((k + late) * 10 * MS)))
    assert stream.counters().lost <= 1


def test_a_rate_slightly_off_the_promised_one_is_no_loss() -> None:
    stream = buffer(rate_hz=30.0)
    for k in range(5000):
        stream.push(sample(round(k * NS / 29.5)))
    assert stream.counters().lost == 0


@pytest.mark.parametrize(
    ('stamp_ms', 'recv_ms', 'words'),
    [
        (950, 950, ''),
        (500, 500, 'last message is 0.5 s old, 0.2 s is allowed'),
        (4200, 1000, 'stamps are 3.2 s ahead'),
        (-2000, 990, 'stamps are 3.0 s behind'),
    ],
)
def test_freshness_names_what_is_wrong(stamp_ms: int, recv_ms: int, words: str) -> None:
    stream = buffer()
    stream.push(sample(stamp_ms * MS, recv_ns=recv_ms * MS))
    reason = why_not_fresh(stream, 1000 * MS)
    assert (words in reason) if words else reason == ''


def test_freshness_before_the_first_message() -> None:
    assert 'nothing received yet' in why_not_fresh(buffer(), 0)


def test_stamps_moved_ahead_on_purpose_are_fresh() -> None:
    stream = buffer(latency_s=-1.0)
    stream.push(sample(1000 * MS))
    assert why_not_fresh(stream, 1000 * MS) == ''


def test_what_was_refused_is_not_lost() -> None:
    for rate_hz in (0.0, 100.0):
        stream = buffer(rate_hz=rate_hz)
        for k in range(200):
            if k % 10 == 7:
                stream.refuse('malformed', 'not a number')
            else:
                stream.push(sample(k * 10 * MS))
        counters = stream.counters()
        assert (counters.lost, counters.malformed, counters.received) == (0, 20, 180)


def test_one_stamp_from_long_ago_is_refused_and_costs_nothing() -> None:
    stream = buffer(history_s=2.0)
    for k in range(100):
        stream.push(sample(100 * NS + k * 10 * MS))
    assert 'is 96.0 s before the last one' in stream.push(sample(4990 * MS))
    stream.push(sample(101 * NS))
    assert picked(stream, 101 * NS) == 101 * NS
    assert (stream.counters().behind, stream.counters().out_of_order) == (1, 0)


def test_a_publisher_whose_clock_was_set_back_is_heard_again() -> None:
    stream = buffer(history_s=2.0)
    stream.push(sample(100 * NS))
    for k in range(6):
        stream.push(sample(5 * NS + k * 10 * MS))
    assert picked(stream, 6 * NS) == 5050 * MS
    assert stream.counters().behind == 4


def test_a_step_of_the_clock_forgets_all_but_a_text_which_holds() -> None:
    stream = buffer()
    stream.push(sample(100 * NS))
    stream.step(-90 * NS)
    assert stream.newest() is None
    text = StreamBuffer('t', Source('/t', TEXT_TYPE, max_age_s=86400.0), 10 * NS)
    text.push(Sample(100 * NS, 100 * NS, '', 'phase one'))
    text.step(-90 * NS)
    pick = text.pick(11 * NS, PERIOD_NS)
    assert pick is not None
    assert (pick.sample.value, pick.age_ns) == ('phase one', NS)
