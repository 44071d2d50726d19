"""The runner's ticks: LeRobot's queue step by step, holds, prefetch, and what stops it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from policy_node.checkpoint.features import Feature
from policy_node.errors import PolicyError
from policy_node.networks.policy import PolicyInfo
from policy_node.runtime.guard import Guard
from policy_node.runtime.observation import Moment, ObservationError
from policy_node.runtime.runner import Runner, Settings
from policy_node.runtime.selector import ActionSelector
from tests.conftest import wait_until

CHUNK = 6


class MadeUp:
    """A policy whose actions tell from which observations they were made."""

    def __init__(self, **info: Any) -> None:
        values = {
            'n_obs_steps': 1, 'chunk_size': CHUNK, 'n_action_steps': 4, 'ensemble_coeff': None,
        }  # fmt: skip
        self.info = PolicyInfo(
            kind='made up', input_features={}, output_features={'action': Feature('ACTION', (2,))},
            device='cpu', precision='float32', **{**values, **info},
        )  # fmt: skip
        self.go = threading.Event()
        self.go.set()
        self.asked = 0
        self.result: Callable[[torch.Tensor], torch.Tensor] = lambda chunk: chunk

    def reset(self) -> None:
        """Nothing to forget."""

    def chunk(self, history: Sequence[Any], ahead: object = None) -> torch.Tensor:
        """Return rows that grow from the mean of the observations."""
        self.asked += 1
        assert self.go.wait(30.0)
        mean = sum(float(entry['observation.state'][0]) for entry in history) / len(history)
        rows = torch.arange(CHUNK, dtype=torch.float32)
        return self.result(torch.stack([mean + rows / 100, -rows / 50], dim=1))


class Bench:
    """A runner whose observations count the ticks, and what came of it."""

    def __init__(self, policy: MadeUp, max_step_rad: float = 10.0, **settings: Any) -> None:
        self.policy = policy
        self.sent: list[np.ndarray] = []
        self.failures: list[str] = []
        self.now = 0
        self.blind = False
        limit = np.full(2, 100.0)
        guard = Guard(('pan', 'lift'), -limit, limit, 0.0, max_step_rad)
        self.runner = Runner(
            policy, self.observe, guard, lambda action: action.astype(np.float64),
            self.sent.append, self.failures.append, Settings(30, **settings),
        )  # type: ignore[arg-type]  # fmt: skip

    def observe(self, now_ns: int) -> Moment:
        """Return the number of the tick as joint position."""
        if self.blind:
            raise ObservationError('/joints is 3.00 s old')
        state = np.array([now_ns / 10], np.float32)
        return Moment(now_ns, {'observation.state': state}, 0)

    def tick(self) -> None:
        """One period."""
        self.runner.tick(self.now)
        self.now += 1

    def tick_and_wait(self) -> None:
        """One period whose answer, if any, comes within it."""
        before = len(self.sent) + len(self.failures)
        self.tick()
        wait_until(lambda: len(self.sent) + len(self.failures) > before, what='an action')


@pytest.fixture
def make() -> Iterator[Callable[..., Bench]]:
    """Make a bench; closed at the end."""
    made: list[Bench] = []

    def bench(policy: MadeUp | None = None, **settings: Any) -> Bench:
        made.append(Bench(policy or MadeUp(), **settings))
        made[-1].runner.start()
        return made[-1]

    yield bench
    for one in made:
        one.policy.go.set()
        assert one.runner.close(30.0)


@pytest.mark.parametrize(
    'info',
    [{}, {'n_obs_steps': 3}, {'n_action_steps': 1}, {'ensemble_coeff': 0.1, 'n_action_steps': 1}],
)
def test_actions_are_those_of_select_action(make: Any, info: dict[str, Any]) -> None:
    bench = make(MadeUp(**info))
    selector = ActionSelector(MadeUp(**info))  # type: ignore[arg-type]
    for tick in range(15):
        bench.tick_and_wait()
        want = np.asarray(selector.select(bench.observe(tick).values))
        np.testing.assert_allclose(bench.sent[-1], want, rtol=1e-6)
        if tick == 9:
            bench.runner.reset()
            selector.reset()
    assert not bench.failures
    assert bench.runner.log.held == 0


def test_while_the_network_thinks_nothing_is_sent_nor_observed(make: Any) -> None:
    bench = make(MadeUp(n_obs_steps=2))
    bench.policy.go.clear()
    for _ in range(5):
        bench.tick()
    assert not bench.sent
    assert (bench.runner.log.waited, bench.runner.log.held) == (4, 0)
    bench.policy.go.set()
    wait_until(lambda: bench.sent, what='the first action')
    # Made from the first observation only, whenever it came.
    assert bench.sent[0][0] == 0.0
    bench.tick_and_wait()
    assert bench.runner.log.actions == 2
    bench.policy.go.clear()
    for _ in range(2 + 1 + 3):  # what is left of the chunk, the question, then nothing
        bench.tick()
    assert (bench.runner.log.waited, bench.runner.log.held) == (4, 3)


def test_prefetch_never_waits_and_does_not_jump(make: Any) -> None:
    bench = make(MadeUp(n_action_steps=CHUNK), prefetch=True)
    bench.tick_and_wait()
    for _ in range(30):
        before = bench.policy.asked
        bench.tick()
        wait_until(lambda n=before: bench.policy.asked >= n, what='a question')
        wait_until(lambda: bench.runner._inference.waiting_s == 0, what='the answer')
    assert bench.runner.log.held == 0
    assert len(bench.sent) == 31
    steps = np.abs(np.diff(np.array(bench.sent)[:, 0]))
    assert steps.max() < 0.15


def test_prefetch_goes_on_where_the_old_chunk_is(make: Any) -> None:
    bench = make(MadeUp(n_action_steps=CHUNK), prefetch=True)
    bench.tick_and_wait()
    bench.policy.go.clear()
    for _ in range(3):
        bench.tick()
    assert len(bench.sent) == 4
    bench.policy.go.set()
    wait_until(lambda: len(bench.runner._queue) > 2, what='the hand-over')
    bench.tick()
    # Row 4 of the old chunk and the row of the new that stands for the same moment.
    assert 0.0 < bench.sent[-1][0] < 0.5


@pytest.mark.parametrize(
    ('break_it', 'words'),
    [
        (lambda chunk: torch.full_like(chunk, float('nan')), 'not finite'),
        (lambda chunk: chunk + 1000, 'is beyond'),
        (lambda chunk: chunk[:0], 'no action'),
    ],
)
def test_bad_actions_stop_it(make: Any, break_it: Any, words: str) -> None:
    bench = make()
    bench.policy.result = break_it
    bench.tick()
    wait_until(lambda: bench.failures, what='the stop')
    assert words in bench.failures[0]
    assert not bench.runner.running
    assert not bench.sent
    bench.tick()
    assert not bench.sent


def test_a_network_that_raises_stops_it(make: Any) -> None:
    bench = make()

    def fail(chunk: torch.Tensor) -> torch.Tensor:
        raise RuntimeError('out of memory')

    bench.policy.result = fail
    bench.tick()
    wait_until(lambda: bench.failures, what='the stop')
    assert bench.failures == ['the network failed: out of memory']


def test_a_network_that_never_answers_stops_it(make: Any) -> None:
    bench = make(max_wait_s=0.05)
    bench.policy.go.clear()
    wait_until(lambda: bench.tick() or bench.failures, what='the stop')
    assert 'has not answered for' in bench.failures[0]
    assert not bench.sent


def test_a_blind_robot_stops_it(make: Any) -> None:
    bench = make()
    bench.tick_and_wait()
    bench.blind = True
    bench.tick()
    assert bench.failures == ['/joints is 3.00 s old']
    bench.blind = False
    bench.runner.start()
    bench.tick_and_wait()
    assert len(bench.sent) == 2


def test_an_answer_from_before_a_reset_is_not_used(make: Any) -> None:
    bench = make()
    bench.policy.go.clear()
    bench.tick()
    wait_until(lambda: bench.policy.asked == 1, what='the question')
    bench.runner.start()
    bench.policy.go.set()
    wait_until(lambda: bench.runner._inference.waiting_s == 0, what='the end of the old question')
    assert not bench.sent
    bench.tick_and_wait()
    assert bench.sent[0][0] == pytest.approx(0.1)


def test_the_words_of_errors_are_those_of_policies() -> None:
    assert issubclass(ObservationError, PolicyError)


@pytest.mark.parametrize(
    ('pause_ns', 'words'),
    [(33_000_000, ''), (1_000_000_000, '; this process itself was 0.97 s late')],
)
def test_a_late_tick_is_told_with_what_it_made_old(
    make: Any, monkeypatch: pytest.MonkeyPatch, pause_ns: int, words: str
) -> None:
    bench = make(MadeUp())
    see = bench.observe
    monkeypatch.setattr(bench.runner, '_observe', lambda now_ns: see(now_ns // 1_000_000_000))
    bench.runner.start()
    bench.runner.tick(1_000_000_000)
    wait_until(lambda: bench.sent, what='an action')
    bench.blind = True
    bench.runner.tick(1_000_000_000 + pause_ns)
    assert bench.failures == [f'/joints is 3.00 s old{words}']
