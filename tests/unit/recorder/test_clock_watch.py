"""Steps of the clock of the stamps, and what is none."""

from __future__ import annotations

import pytest

from recorder_node.streams.clock_watch import ClockWatch
from recorder_node.streams.messages import NS
from tests.conftest import FakeClock


def step_ns(clock: FakeClock, ros_ns: int, steady_ns: int) -> int:
    watch = ClockWatch(clock)
    watch.look()
    clock.advance(steady_ns)
    clock.set(clock.now_ns() + ros_ns - steady_ns)
    now = watch.look()
    assert now is not None
    again = watch.look()
    assert again is not None
    assert again.step_ns == 0, 'told once'
    return now.step_ns


@pytest.mark.parametrize('step', [3_200_000_000, -3_200_000_000, 3600 * NS, -60_000_000])
def test_a_clock_that_is_set_is_noticed_both_ways(step: int) -> None:
    assert step_ns(FakeClock(), NS // 10 + step, NS // 10) == step


def test_slewing_is_no_step() -> None:
    assert step_ns(FakeClock(), NS + 500_000, NS) == 0
    assert step_ns(FakeClock(), NS - 500_000, NS) == 0


@pytest.mark.parametrize('passed', [0, NS // 100, 100 * NS])
def test_simulated_time_may_stand_crawl_and_run(passed: int) -> None:
    clock = FakeClock(0, simulated=True)
    assert step_ns(clock, passed, NS) == 0


def test_simulated_time_that_goes_back_began_again() -> None:
    clock = FakeClock(100 * NS, simulated=True)
    assert step_ns(clock, -100 * NS, NS) == -100 * NS


def test_two_clocks_that_could_not_be_read_together_are_not_compared() -> None:
    clock = FakeClock()
    watch = ClockWatch(clock)
    watch.look()
    slow = clock.now_ns

    def interrupted() -> int:
        clock.advance(NS)
        return slow()

    clock.now_ns = interrupted  # type: ignore[method-assign]
    assert watch.look() is None
