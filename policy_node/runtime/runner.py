"""A policy at work: called at every tick, it sends an action, or nothing, or stops and says why.

A tick only takes from the queue of actions; the network has a thread of its own. A tick that finds
none is served as soon as the network answers. Until then the follower holds, and with LeRobot's
queue nothing is observed, as in LeRobot's loop, which waits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from policy_node.errors import PolicyError
from policy_node.networks.policy import Observation, Policy
from policy_node.runtime.chunks import make_queue
from policy_node.runtime.guard import Guard
from policy_node.runtime.inference import Answer, Inference
from policy_node.runtime.latency import LatencyLog
from policy_node.runtime.observation import Moment, ObservationError
from recorder_node.streams.messages import NS

Action = NDArray[np.float32]


class Settings(NamedTuple):
    """How the runner works.

    Attributes:
        fps: ticks per second.
        prefetch: ask before the actions run out.
        max_wait_s: a network that needs longer stops the policy.
    """

    fps: int
    prefetch: bool = False
    max_wait_s: float = 10.0


class Runner:
    """One policy; `tick` is called by a timer, everything else by whoever wants.

    Args:
        policy: loaded and warm.
        observe: returns what the robot sees at a time (ns).
        guard: looks at every action in radians.
        to_rad: from dataset units.
        send: sends an action (rad) to the follower.
        failed: called with the reason when the policy stopped by itself.
        settings: see `Settings`.
    """

    def __init__(
        self,
        policy: Policy,
        observe: Callable[[int], Moment],
        guard: Guard,
        to_rad: Callable[[Action], NDArray[np.float64]],
        send: Callable[[NDArray[np.float64]], None],
        failed: Callable[[str], None],
        settings: Settings,
    ) -> None:
        self._observe = observe
        self._guard = guard
        self._to_rad = to_rad
        self._send = send
        self._failed = failed
        self._settings = settings
        self._lock = threading.RLock()
        self._n_obs_steps = policy.info.n_obs_steps
        self._history: deque[Observation] = deque(maxlen=self._n_obs_steps)
        self._queue = make_queue(policy.info, settings.prefetch)
        self._hungry = False
        self._question: int | None = None
        self._last_tick_ns: int | None = None
        self.running = False
        self.log = LatencyLog()
        self._inference = Inference(policy, self._on_answer)

    def start(self) -> None:
        """Begin an episode; the policy forgets the last one."""
        with self._lock:
            self._forget()
            self.log = LatencyLog()
            self.running = True

    def stop(self) -> None:
        """Send nothing more."""
        with self._lock:
            self.running = False
            self._forget()

    def reset(self) -> None:
        """Forget history and actions, and go on if running."""
        with self._lock:
            self._forget()

    def close(self, timeout_s: float) -> bool:
        """End; return False when the network does not come back in time."""
        self.stop()
        return self._inference.close(timeout_s)

    def tick(self, now_ns: int) -> None:
        """Do what one period of the policy's rate asks for."""
        with self._lock:
            if not self.running:
                return
            late_ns = self._lateness_ns(now_ns)
            if (waiting_s := self._inference.waiting_s) > self._settings.max_wait_s:
                self._fail(f'the network has not answered for {waiting_s:.1f} s')
                return
            if self._hungry:
                self.log.note_tick_without_action()
                if not self._settings.prefetch:
                    return
            try:
                self._remember(self._seen(now_ns, late_ns))
                if self._queue.due():
                    self._ask()
                self._hungry = not self._give_out()
            except PolicyError as error:
                self._fail(str(error))

    def _lateness_ns(self, now_ns: int) -> int:
        """Return how much later than a period after the last tick this one comes."""
        last_ns, self._last_tick_ns = self._last_tick_ns, now_ns
        return 0 if last_ns is None else now_ns - last_ns - NS // self._settings.fps

    def _seen(self, now_ns: int, late_ns: int) -> Moment:
        try:
            return self._observe(now_ns)
        except ObservationError as error:
            if late_ns * self._settings.fps < NS:
                raise
            raise ObservationError(
                f'{error}; this process itself was {late_ns / NS:.2f} s late'
            ) from error

    def _remember(self, moment: Moment) -> None:
        """Add to the history; after a reset it is filled with copies of the first observation."""
        missing = self._n_obs_steps - len(self._history)
        self._history.extend([moment.values] * max(missing, 1))

    def _ask(self) -> None:
        question = self._inference.ask(list(self._history), self._queue.ahead())
        if question is not None:
            self._question = question
            self._queue.asked()

    def _on_answer(self, answer: Answer) -> None:
        with self._lock:
            if not self.running or answer.question != self._question:
                return
            self.log.seconds.append(answer.seconds)
            try:
                if answer.error is not None or answer.chunk is None:
                    raise PolicyError(f'the network failed: {answer.error}')
                if not len(answer.chunk):
                    raise PolicyError('the network gave no action')
                self._queue.offer(answer.chunk)
                if self._hungry:
                    self._hungry = not self._give_out()
            except PolicyError as error:
                self._fail(str(error))

    def _give_out(self) -> bool:
        """Send the action that is due; return False when there is none yet."""
        action = self._queue.take()
        if action is None:
            return False
        action_rad = self._to_rad(action)
        self._guard.check(action_rad)
        self._send(action_rad)
        self.log.actions += 1
        return True

    def _forget(self) -> None:
        self._history.clear()
        self._queue.reset()
        self._hungry = False
        self._question = None
        self._last_tick_ns = None
        self._guard.reset()
        self._inference.reset()

    def _fail(self, reason: str) -> None:
        self.running = False
        self._forget()
        self._failed(reason)
