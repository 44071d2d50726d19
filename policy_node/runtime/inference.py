"""The network's own thread: one question at a time, the answer by callback."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from policy_node.networks.policy import Ahead, Observation, Policy


class Answer(NamedTuple):
    """What the network said: a chunk `(n, action size)` float32 in dataset units, or why not."""

    question: int
    chunk: NDArray[np.float32] | None
    error: Exception | None
    seconds: float


class _Question(NamedTuple):
    history: Sequence[Observation]
    ahead: Ahead | None


class Inference:
    """Computes chunks; a question that comes while one is open is refused.

    Args:
        policy: called from the thread only.
        answered: called from the thread with every answer that was not given up.
    """

    def __init__(self, policy: Policy, answered: Callable[[Answer], None]) -> None:
        self._policy = policy
        self._answered = answered
        self._wake = threading.Condition()
        self._question: _Question | None = None
        self._open = False
        self._reset = False
        self._number = 0
        self._closed = False
        self._asked_s = 0.0
        self._thread = threading.Thread(target=self._run, name='inference', daemon=True)
        self._thread.start()

    def ask(self, history: Sequence[Observation], ahead: Ahead | None = None) -> int | None:
        """Ask for the next chunk; return the question's number, None while one is open."""
        with self._wake:
            if self._open or self._closed:
                return None
            self._open = True
            self._number += 1
            self._question = _Question(history, ahead)
            self._asked_s = time.monotonic()
            self._wake.notify()
            return self._number

    def reset(self) -> None:
        """Give up the open question and let the policy forget the episode."""
        with self._wake:
            self._number += 1
            self._reset = True
            self._question = None
            self._wake.notify()

    @property
    def waiting_s(self) -> float:
        """How long the open question has been open (s); 0 when none is."""
        with self._wake:
            return time.monotonic() - self._asked_s if self._open else 0.0

    def close(self, timeout_s: float) -> bool:
        """Stop; return False when the network does not come back in time."""
        with self._wake:
            self._closed = True
            self._number += 1
            self._wake.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._question or self._reset or self._closed):
                    self._open = False
                    self._wake.wait()
                if self._closed:
                    return
                question, self._question = self._question, None
                reset, self._reset = self._reset, False
                number = self._number
            if reset:
                self._policy.reset()
            if question:
                answer = self._answer(number, question)
                with self._wake:
                    current = number == self._number
                    self._open = self._question is not None
                if current:
                    self._answered(answer)

    def _answer(self, number: int, question: _Question) -> Answer:
        begin_s = time.perf_counter()
        chunk: NDArray[Any] | None = None
        error: Exception | None = None
        try:
            chunk = np.asarray(self._policy.chunk(*question), np.float32)
        except Exception as raised:  # whatever a network raises ends the episode, not the node
            error = raised
        return Answer(number, chunk, error, time.perf_counter() - begin_s)
