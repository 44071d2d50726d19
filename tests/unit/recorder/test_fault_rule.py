"""Faulted takes when no operator is there: what becomes of them, and when it is enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recorder_node.episode.take import leftovers
from recorder_node.session.conductor import EXIT_FAULTS, EXIT_NO_STREAMS
from recorder_node.session.machine import State
from tests.conftest import wait_until
from tests.session_bench import Bench


def fault(bench: Bench, after_s: float = 0.5) -> None:
    """Let a take run, begin one if there is none, and fault."""
    wait_until(lambda: bench.pass_time(0.05) or bench.state is State.RECORDING, what='a take')
    bench.pass_time(after_s)
    assert bench.conductor.fault('the policy is late', failure=True)


@pytest.mark.parametrize(('rule', 'saved'), [('save', 1), ('discard', 0)])
def test_without_an_operator_a_session_goes_on_after_a_fault(
    make: Any, rule: str, saved: int
) -> None:
    bench = make(on_fault=rule, episode_time_s=60.0, reset_time_s=3.0)
    fault(bench)
    assert bench.state is State.FAULT
    bench.pass_time(0.1)
    assert bench.state is State.IDLE
    bench.pass_time(2.5)
    assert bench.state is State.IDLE, 'the scene is reset first'
    bench.pass_time(0.7)
    assert bench.state is State.RECORDING
    assert bench.conductor.session.saved == saved
    wait_until(lambda: bench.conductor.outcomes == ['failure'] * saved, what='the take')


def test_too_many_faults_in_a_row_end_the_session(make: Any) -> None:
    bench = make(
        on_fault='discard', max_faults=2, episode_time_s=1.0, reset_time_s=0.5, num_episodes=9
    )
    fault(bench)
    bench.pass_time(0.1)
    # One that goes well forgives the others.
    wait_until(lambda: bench.pass_time(0.5) or bench.conductor.outcomes, what='a saved take')
    for _ in range(2):
        assert not bench.stops
        # At once: the writer decides how far into its second the take is that runs now.
        fault(bench, after_s=0.0)
        bench.pass_time(0.1)
    assert bench.state is State.DONE
    wait_until(lambda: bench.conductor.tick() or bench.stops, what='the end')
    assert bench.stops[0] == EXIT_FAULTS
    assert any('max_faults is 2' in line for line in bench.log.lines)


def test_finish_keeps_the_take_of_a_fault(make: Any, tmp_path: Path) -> None:
    bench = make(on_fault='finish', episode_time_s=60.0)
    fault(bench)
    bench.pass_time(0.1)
    wait_until(lambda: bench.conductor.tick() or bench.stops, what='the end')
    assert bench.stops[0] == EXIT_FAULTS
    assert len(leftovers(tmp_path / 'ds.recording')) == 1


def test_streams_that_do_not_come_back_after_a_fault_end_the_session(make: Any) -> None:
    bench = make(on_fault='save', episode_time_s=60.0, start_timeout_s=10.0)
    fault(bench)
    bench.pass_time(10.5, alive=False)
    assert not bench.stops
    bench.pass_time(2.0, alive=False)
    assert bench.stops[0] == EXIT_NO_STREAMS
