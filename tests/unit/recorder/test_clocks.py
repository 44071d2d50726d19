"""What a session makes of clocks that are set, stand still, or begin again."""

from __future__ import annotations

from typing import Any

import pytest

from recorder_node.dataset.check import Checker
from recorder_node.episode.take import leftovers
from recorder_node.session.machine import Event, State
from recorder_node.streams.messages import NS
from tests.conftest import FakeClock, wait_until
from tests.session_bench import Bench

HOUR_NS = 3600 * NS


def recording(bench: Bench) -> Bench:
    """Let a take have a second of rows."""
    wait_until(lambda: bench.pass_time(0.1) or bench.state is State.RECORDING, what='a take')
    bench.pass_time(1.0)
    running = bench.conductor.engine.running
    assert running is not None
    wait_until(lambda: running.take.rows >= 25, what='rows')
    return bench


def woken(bench: Bench) -> Bench:
    """Let the sampler look at the clock."""
    bench.clock.advance(NS // 100)
    bench.conductor.engine.rows.wake()
    return bench


@pytest.mark.parametrize('step_ns', [HOUR_NS, -HOUR_NS, NS // 5, -NS // 5])
def test_a_clock_that_is_set_ends_the_take_and_blocks_nothing_after_it(
    make: Any, step_ns: int
) -> None:
    bench = recording(make(FakeClock(), episode_time_s=60.0))
    bench.clock.set(bench.clock.now_ns() + step_ns)
    # The state is set a moment before the words.
    words = f'the clock stepped by {step_ns / NS:+.1f}'
    wait_until(lambda: words in woken(bench).conductor.message, what='the fault')
    assert bench.state is State.FAULT
    _, futures = bench.conductor.command(Event.SAVE)
    saved = futures[0].result(timeout=20)
    assert saved.report['rows'] >= 25
    assert any('the clock stepped' in warning for warning in saved.report['warnings'])
    bench.deliver()
    assert bench.conductor.command(Event.START)[0].accepted
    bench.pass_time(0.5)
    assert bench.state is State.RECORDING
    assert Checker(bench.root).run() == []


def test_a_clock_that_is_set_between_takes_holds_nothing_up(make: Any) -> None:
    bench = make(FakeClock(), start='manual')
    bench.pass_time(0.5)
    bench.clock.set(bench.clock.now_ns() - HOUR_NS)
    stale = bench.buffers['observation.state']
    wait_until(lambda: woken(bench) and stale.newest() is None, what='the buffers')
    bench.deliver()
    assert bench.conductor.command(Event.START)[0].accepted


def test_a_looped_bag_and_a_simulator_reset_end_the_take_and_go_on(make: Any) -> None:
    bench = make(FakeClock(100 * NS, simulated=True), episode_time_s=60.0)
    for _ in range(2):
        recording(bench)
        bench.clock.set(0)
        words = 'the clock stepped by -'
        wait_until(lambda w=words: w in woken(bench).conductor.message, what='the fault')
        assert bench.state is State.FAULT
        _, futures = bench.conductor.command(Event.DISCARD)
        futures[0].result(timeout=20)
        bench.clock.advance(50 * NS)
        bench.deliver()
        assert bench.conductor.command(Event.START)[0].accepted


def test_the_first_time_of_a_simulator_is_no_timeout(make: Any) -> None:
    clock = FakeClock(0, simulated=True)
    clock.set(0, rate=0.0)
    bench = make(clock, start_timeout_s=10.0, start='auto')
    bench.pass_time(5.0, alive=False)
    assert 'nothing came on /clock yet' in bench.conductor.message
    clock.set(100 * NS)
    bench.pass_time(0.1)
    assert not bench.stops
    wait_until(lambda: bench.pass_time(0.1) or bench.state is State.RECORDING, what='a take')


def test_streams_that_never_come_end_the_session_though_the_simulator_is_paused(make: Any) -> None:
    clock = FakeClock(100 * NS, simulated=True)
    clock.set(rate=0.0)
    bench = make(clock, start_timeout_s=10.0)
    bench.pass_time(11.0, alive=False)
    assert bench.stops


def test_a_paused_simulator_holds_up_neither_save_nor_end(make: Any) -> None:
    values = {'episode_time_s': 60.0, 'reset_time_s': 30.0}
    bench = recording(make(FakeClock(100 * NS, simulated=True), **values))
    bench.clock.set(rate=0.0)
    _, futures = bench.conductor.command(Event.SAVE)

    def saved() -> bool:
        bench.clock.advance(NS // 100)
        bench.conductor.engine.rows.wake()
        return bool(futures[0].done())

    wait_until(saved, what='the save')
    assert futures[0].result().report['rows'] >= 25
    assert bench.state is State.RESET
    # The reset is over by the seconds of people; no take begins whose rows would never come.
    wait_until(
        lambda: bench.pass_time(1.0, alive=False) or 'stands still' in bench.conductor.message,
        what='the reason',
    )
    bench.clock.set(rate=1.0)
    wait_until(lambda: bench.pass_time(0.1) or bench.state is State.RECORDING, what='a take')
    bench.clock.set(rate=0.0)
    bench.close()
    assert len(leftovers(bench.root.with_name('ds.recording'))) == 1


def test_a_slow_simulator_is_waited_for(make: Any) -> None:
    bench = make(FakeClock(100 * NS, simulated=True), episode_time_s=1.0)
    bench.clock.set(rate=0.5)
    bench.pass_time(0.2)
    assert bench.state is State.RECORDING
    bench.pass_time(1.0)
    assert bench.state is State.RECORDING
    bench.pass_time(1.5)
    assert bench.state is State.RESET
    pending = bench.conductor.engine.pending
    assert pending is not None
    wait_until(lambda: bench.pass_time(0.1) or pending.complete.is_set(), what='the last rows')
    assert pending.take.rows == 30
