"""Queues between network and control tick, with a clock that ticks when told."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_node.runtime.chunks import LerobotQueue, PrefetchQueue, RtcQueue, make_queue
from tests.unit.policy.test_selector import Counting, drive, info

Predict = Callable[[int], np.ndarray[Any, Any]]


@dataclasses.dataclass
class Loop:
    """A control loop whose network answers `latency` ticks after it was asked."""

    queue: Any
    predict: Predict
    latency: int
    asked_at: list[int] = dataclasses.field(default_factory=list)
    pending: deque[tuple[int, Any]] = dataclasses.field(default_factory=deque)
    now: int = 0

    def run(self, ticks: int) -> list[Any]:
        """Return the action of every tick, None where the arm holds."""
        actions = []
        for _ in range(ticks):
            if self.queue.due():
                self.queue.asked()
                self.asked_at.append(self.now)
                self.pending.append((self.now + self.latency, self.predict(self.now)))
            while self.pending and self.pending[0][0] <= self.now:
                assert self.queue.offer(self.pending.popleft()[1])
            actions.append(self.queue.take())
            self.now += 1
        return actions


def numbered(size: int) -> Predict:
    """Row i of the chunk for tick t is (t, i)."""
    return lambda t: np.array([[t, i] for i in range(size)], np.float32)


def course(size: int) -> Predict:
    """Row i of the chunk for tick t is where the course is at t + i."""
    return lambda t: np.sin((t + np.arange(size)) / 9)[:, None].astype(np.float32)


@pytest.mark.parametrize('steps', [1, 3, 6])
def test_without_latency_it_is_lerobot(steps: int) -> None:
    known = info(n_action_steps=steps)
    loop = Loop(make_queue(known), numbered(6), latency=0)
    actions = [action.astype(int).tolist() for action in loop.run(20)]
    assert actions == drive(Counting(known), range(20))


def test_ensembling_without_latency_it_is_lerobot() -> None:
    known = info(n_action_steps=1, ensemble_coeff=0.3)
    loop = Loop(make_queue(known), numbered(6), latency=0)
    queue_actions = [action.astype(int).tolist() for action in loop.run(12)]
    assert queue_actions == drive(Counting(known), range(12))
    assert loop.asked_at == list(range(12))


def test_with_latency_the_order_stays_and_the_arm_holds() -> None:
    loop = Loop(LerobotQueue(info(n_action_steps=2)), numbered(6), latency=3)
    actions = [None if a is None else a.astype(int).tolist() for a in loop.run(10)]
    assert actions == [None] * 3 + [[0, 0], [0, 1]] + [None] * 3 + [[5, 0], [5, 1]]


@pytest.mark.parametrize('prefetch', [False, True])
def test_answers_nobody_waits_for_are_refused(prefetch: bool) -> None:
    queue = make_queue(info(), prefetch)
    chunk = numbered(6)(0)
    assert not queue.offer(chunk)
    queue.asked()
    queue.reset()
    assert not queue.offer(chunk)
    assert queue.take() is None
    queue.asked()
    queue.failed()
    assert queue.due()
    queue.asked()
    assert not queue.due()
    assert queue.offer(chunk)
    assert len(queue) == 6
    queue.reset()
    assert len(queue) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 12), st.integers(20, 50), st.integers(0, 30))
def test_asked_ahead_there_is_no_stall_and_no_jump(latency: int, size: int, spare: int) -> None:
    """Whatever the latency below half a chunk, once it is known."""
    size = max(size, 2 * latency + 12)
    steps = min(max(size - spare, latency + 12), size)
    queue = PrefetchQueue(info(chunk_size=size, n_action_steps=steps))
    loop = Loop(queue, course(size), latency)
    actions = loop.run(400)
    # The first answer has to be waited for; after the next the latency is known.
    start = latency + 2 * size
    assert all(action is not None for action in actions[start:])
    values = np.array([action[0] for action in actions[start:]])
    assert np.abs(np.diff(values)).max() < 0.25
    assert len(loop.asked_at) <= 400 // max(1, steps - latency - 11) + 3


def test_actions_executed_meanwhile_are_dropped() -> None:
    queue = PrefetchQueue(info(chunk_size=20, n_action_steps=10), blend=0)
    loop = Loop(queue, numbered(20), latency=4)
    actions = loop.run(40)
    # Waiting for the first answer the arm stood still, so nothing of it is over.
    assert actions[4].tolist() == [0, 0]
    # Asked 4 ticks early; its first 4 rows were executed from the old chunk.
    assert loop.asked_at[:2] == [0, 10]
    assert [a.astype(int).tolist() for a in actions[12:16]] == [[0, 8], [0, 9], [10, 4], [10, 5]]


def test_chunks_blend_over_a_few_steps() -> None:
    queue = PrefetchQueue(info(chunk_size=20, n_action_steps=8), blend=3)
    loop = Loop(queue, lambda t: np.full((20, 1), float(t > 0), np.float32), latency=2)
    values = [float(a[0]) for a in loop.run(20) if a is not None]
    assert values[:12] == pytest.approx([0] * 8 + [0.25, 0.5, 0.75, 1])


def test_a_late_answer_uses_up_the_old_chunk_then_holds() -> None:
    queue = PrefetchQueue(info(chunk_size=10, n_action_steps=6))
    loop = Loop(queue, numbered(10), latency=1)
    loop.run(5)
    loop.latency = 30
    actions = loop.run(31)
    assert any(action is None for action in actions)
    taken = [action for action in actions if action is not None]
    assert taken[-1].astype(int).tolist()[1] >= 6
    assert any(action is not None for action in loop.run(10))


def test_ensembling_asked_ahead() -> None:
    """All predictions of an action are averaged, also when the network needs several ticks."""
    queue = PrefetchQueue(info(chunk_size=20, n_action_steps=1, ensemble_coeff=0.0))
    loop = Loop(queue, course(20), latency=3)
    actions = loop.run(120)
    assert all(action is not None for action in actions[3:])
    # The arm stood still for three ticks at the start, so it runs three behind the course until
    # newer chunks pull it forward; steps stay small.
    values = np.array([action[0] for action in actions[3:]])
    assert np.abs(np.diff(values)).max() < 0.25
    # Asked again in the tick after each answer.
    assert len(loop.asked_at) == 120 // 4


class Guided:
    """A network that begins its chunk with what is left of the last, as it is told."""

    def __init__(self, queue: RtcQueue, size: int, target: Predict) -> None:
        self._queue, self._size, self._target = queue, size, target
        self._last: np.ndarray[Any, Any] | None = None
        self.guided = 0

    def __call__(self, now: int) -> np.ndarray[Any, Any]:
        chunk = self._target(now)
        ahead = self._queue.ahead()
        if ahead is not None and self._last is not None:
            left = self._last[ahead.used :][: ahead.delay]
            chunk[: len(left)] = left
            self.guided += len(left) >= ahead.delay
        self._last = chunk
        return chunk


@pytest.mark.parametrize('latency', [1, 4, 9, 14])
def test_guided_chunks_go_on_without_stall_or_jump(latency: int) -> None:
    queue = RtcQueue(dataclasses.replace(info(), chunk_size=50, n_action_steps=50, rtc_horizon=10))
    targets = iter(range(10**6))

    def target(_now: int) -> np.ndarray[Any, Any]:
        return np.full((50, 1), next(targets) % 2, np.float32)

    network = Guided(queue, 50, target)
    loop = Loop(queue, network, latency)
    actions = loop.run(400)
    first = next(k for k, action in enumerate(actions) if action is not None)
    assert first == latency
    assert all(action is not None for action in actions[first:]), 'never a stall'
    assert network.guided >= 5
    # What was being executed when the network was asked goes on until after its answer.
    for asked in loop.asked_at[2:]:
        executed = {float(actions[k][0]) for k in range(asked - 1, min(asked + latency, 399))}
        assert len(executed) == 1


def test_guided_chunks_are_asked_for_while_enough_is_left() -> None:
    queue = RtcQueue(dataclasses.replace(info(), chunk_size=50, n_action_steps=50, rtc_horizon=10))
    loop = Loop(queue, numbered(50), latency=0)
    loop.run(60)
    assert loop.asked_at == [0, 20, 40], 'when 30 of 50 are left'
    assert isinstance(make_queue(dataclasses.replace(info(), rtc_horizon=10)), RtcQueue)
    assert LerobotQueue(info()).ahead() is None
    assert PrefetchQueue(info()).ahead() is None
