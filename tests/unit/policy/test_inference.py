"""The network's thread: one question at a time, resets, errors, networks that hang."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from policy_node.runtime.inference import Answer, Inference
from tests.conftest import wait_until


class MadeUp:
    """A policy that answers when told to."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[Any] = []
        self.resets = 0
        self.error: Exception | None = None

    def reset(self) -> None:
        """Count."""
        self.resets += 1

    def chunk(self, history: Sequence[Any], ahead: object = None) -> np.ndarray:
        """Wait for permission."""
        self.asked.append(history[-1])
        assert self.go.wait(30.0)
        self.go.clear()
        if self.error:
            raise self.error
        return np.full((3, 2), history[-1], np.float32)


@pytest.fixture
def made_up() -> Any:
    """A policy, its thread and the answers that came."""
    policy, answers = MadeUp(), []
    inference = Inference(policy, answers.append)  # type: ignore[arg-type]
    yield policy, inference, answers
    policy.go.set()
    assert inference.close(30.0)


def test_one_question_at_a_time(made_up: Any) -> None:
    policy, inference, answers = made_up
    first = inference.ask([1])
    wait_until(lambda: policy.asked == [1], what='the question')
    assert inference.ask([2]) is None
    assert inference.waiting_s > 0
    policy.go.set()
    wait_until(lambda: len(answers) == 1, what='the answer')
    answer: Answer = answers[0]
    assert (answer.question, answer.error) == (first, None)
    np.testing.assert_array_equal(answer.chunk, np.ones((3, 2)))
    wait_until(lambda: inference.ask([3]) is not None, what='the next question')
    policy.go.set()
    wait_until(lambda: len(answers) == 2, what='the next answer')


def test_a_reset_gives_up_the_open_question(made_up: Any) -> None:
    policy, inference, answers = made_up
    inference.ask([1])
    wait_until(lambda: policy.asked == [1], what='the question')
    inference.reset()
    policy.go.set()
    wait_until(lambda: policy.resets == 1, what='the reset')
    assert not answers
    wait_until(lambda: inference.ask([2]) is not None, what='a question')
    policy.go.set()
    wait_until(lambda: len(answers) == 1, what='the answer')
    assert answers[0].chunk[0, 0] == 2


def test_whatever_a_network_raises_comes_back(made_up: Any) -> None:
    policy, inference, answers = made_up
    policy.error = MemoryError('no more')
    inference.ask([1])
    policy.go.set()
    wait_until(lambda: len(answers) == 1, what='the answer')
    assert answers[0].chunk is None
    assert 'no more' in str(answers[0].error)


def test_a_network_that_hangs_does_not_hold_up_the_end() -> None:
    policy = MadeUp()
    inference = Inference(policy, lambda answer: None)  # type: ignore[arg-type]
    inference.ask([1])
    wait_until(lambda: policy.asked == [1], what='the question')
    assert not inference.close(0.01)
    policy.go.set()
    assert inference.close(30.0)
