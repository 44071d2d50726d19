"""Queues between a network that thinks in chunks and a control tick that never waits.

Every tick: `if queue.due(): ask the network; queue.asked()`, then `queue.take()`, where None means
hold. With the answer: `queue.offer(chunk)`, or `queue.failed()`. Answer and tick may come from
different threads.

`LerobotQueue` gives out exactly what LeRobot's `select_action` does; while the network computes,
the arm holds. `PrefetchQueue` asks earlier and joins the chunks; that is this project's own.
`RtcQueue` is for policies that make the next chunk fit the present one themselves.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policy_node.networks.policy import Ahead, PolicyInfo
from policy_node.runtime.ensemble import TemporalEnsembler, Weights

Actions = NDArray[np.float32]

BLENDED_STEPS = 10
_LATENCIES = 10
# Real-Time Chunking asks when this much of a chunk is left: LeRobot's 30 actions of 50.
_RTC_LEFT = 0.6


class ChunkQueue(Protocol):
    """What both queues do; actions are float32 in the units of the chunks."""

    def reset(self) -> None:
        """Forget everything; an answer to what was asked before is then refused."""

    def due(self) -> bool:
        """Whether the network should be asked, with the observation of this tick."""

    def ahead(self) -> Ahead | None:
        """Where the arm is in the last chunk, for a network that wants to know."""

    def asked(self) -> None:
        """Note that it was asked."""

    def offer(self, chunk: Actions) -> bool:
        """Take its answer (chunk_size, action size); False when nothing was asked."""

    def failed(self) -> None:
        """Note that there will be no answer."""

    def take(self) -> Actions | None:
        """Return the action of this tick (action size,), None to hold."""

    def __len__(self) -> int:
        """Return the actions that are there."""


def make_queue(info: PolicyInfo, prefetch: bool = False) -> ChunkQueue:
    """Return LeRobot's queue for a policy, or one that asks ahead."""
    if info.rtc_horizon:
        return RtcQueue(info)
    return PrefetchQueue(info) if prefetch else LerobotQueue(info)


class LerobotQueue:
    """`n_action_steps` of a chunk, one per tick; the next is asked for when none is left.

    With temporal ensembling every tick asks, and every answer gives one action.
    """

    def __init__(self, info: PolicyInfo) -> None:
        self._steps = info.n_action_steps
        self._ensembler = _ensembler(info)
        self._lock = threading.Lock()
        self._queue: deque[Actions] = deque()
        self._waiting = False

    def reset(self) -> None:
        """See `ChunkQueue`."""
        with self._lock:
            self._queue.clear()
            self._waiting = False
            if self._ensembler:
                self._ensembler.reset()

    def due(self) -> bool:
        """See `ChunkQueue`."""
        with self._lock:
            return not self._waiting and not self._queue

    def ahead(self) -> None:
        """See `ChunkQueue`."""

    def asked(self) -> None:
        """See `ChunkQueue`."""
        with self._lock:
            self._waiting = True

    def offer(self, chunk: Actions) -> bool:
        """See `ChunkQueue`."""
        with self._lock:
            if not self._waiting:
                return False
            self._waiting = False
            if self._ensembler:
                self._queue.append(self._ensembler.update(chunk))
            else:
                self._queue.extend(chunk[: self._steps])
            return True

    def failed(self) -> None:
        """See `ChunkQueue`."""
        with self._lock:
            self._waiting = False

    def take(self) -> Actions | None:
        """See `ChunkQueue`."""
        with self._lock:
            return self._queue.popleft() if self._queue else None

    def __len__(self) -> int:
        """See `ChunkQueue`."""
        with self._lock:
            return len(self._queue)


class PrefetchQueue:
    """The next chunk is computed while the present one is executed.

    The network is asked as many ticks before the end of `n_action_steps` as it took at most
    lately. Of its answer, as many actions are dropped as were executed since it was asked (ticks
    of holding do not count: the arm stood still in them), and the rest is joined to what is left
    of the old chunk: new actions gain weight linearly over up to `blend` steps, so there is no
    jump at the border. When an answer is late, the old chunk goes on beyond `n_action_steps` to
    its end; then the arm holds. A steady latency below half a chunk never comes to that.

    With temporal ensembling the network is asked again as soon as it answered, and all that was
    predicted for an action is averaged with LeRobot's weights.

    Args:
        info: counts of the policy.
        blend: steps over which one chunk turns into the next.
    """

    def __init__(self, info: PolicyInfo, blend: int = BLENDED_STEPS) -> None:
        self._steps = info.n_action_steps
        self._blend = min(blend, info.chunk_size // 2)
        self._weights = (
            None if info.ensemble_coeff is None else Weights(info.ensemble_coeff, info.chunk_size)
        )
        self._latencies: deque[int] = deque(maxlen=_LATENCIES)
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._plan: Actions = np.zeros((0, 0), np.float32)
        # How many predictions went into each action of the plan.
        self._counts = np.zeros(0, np.int64)
        # Actions of the newest chunk that were executed or dropped.
        self._used = 0
        # Actions executed, and ticks passed, since the network was asked; None: it was not.
        self._executed: int | None = None
        self._ticks = 0

    def reset(self) -> None:
        """See `ChunkQueue`; what is known of the network's latency is kept."""
        with self._lock:
            self._clear()

    def due(self) -> bool:
        """See `ChunkQueue`."""
        with self._lock:
            if self._executed is not None:
                return False
            if self._weights or not len(self._plan):
                return True
            latency = self._delay()
            left = min(self._steps - self._used, len(self._plan) - self._blend)
            return left <= latency

    def _delay(self) -> int:
        """Return in how many ticks the network answers, at the latest."""
        return max(self._latencies, default=1)

    def ahead(self) -> Ahead | None:
        """See `ChunkQueue`."""
        return None

    def asked(self) -> None:
        """See `ChunkQueue`."""
        with self._lock:
            self._executed = self._ticks = 0

    def offer(self, chunk: Actions) -> bool:
        """See `ChunkQueue`."""
        with self._lock:
            if self._executed is None:
                return False
            self._latencies.append(self._ticks)
            self._used = self._executed
            self._executed = None
            self._join(chunk[self._used :])
            return True

    def _join(self, new: Actions) -> None:
        """Let the plan turn into what is new; both begin with the action of the next tick."""
        counts = np.ones(len(new), np.int64)
        shared = min(len(self._plan), len(new))
        if self._weights and shared:
            mixed = self._weights.add(self._plan[:shared], self._counts[:shared], new[:shared])
            new = np.concatenate([mixed, new[shared:]])
            counts[:shared] += self._counts[:shared]
        elif shared := min(shared, self._blend):
            share = np.arange(1, shared + 1, dtype=np.float32)[:, None] / np.float32(shared + 1)
            mixed = self._plan[:shared] * (1 - share) + new[:shared] * share
            new = np.concatenate([mixed, new[shared:]])
        if len(new):
            self._plan, self._counts = new, counts

    def failed(self) -> None:
        """See `ChunkQueue`."""
        with self._lock:
            self._executed = None

    def take(self) -> Actions | None:
        """See `ChunkQueue`."""
        with self._lock:
            self._ticks += 1
            if not len(self._plan):
                return None
            action: Actions = self._plan[0]
            self._plan, self._counts = self._plan[1:], self._counts[1:]
            self._used += 1
            if self._executed is not None:
                self._executed += 1
            return action

    def __len__(self) -> int:
        """See `ChunkQueue`."""
        with self._lock:
            return len(self._plan)


class RtcQueue(PrefetchQueue):
    """For Real-Time Chunking: the network itself lets the next chunk begin as the last goes on.

    It is asked early, so that enough of the last chunk is left to guide it; its answer replaces
    the rest at once (LeRobot 0.4.4 to 0.6.1 do the same).
    """

    def __init__(self, info: PolicyInfo) -> None:
        super().__init__(info, blend=0)
        self._horizon = info.rtc_horizon
        self._enough = round(info.chunk_size * _RTC_LEFT)

    def due(self) -> bool:
        """See `ChunkQueue`."""
        with self._lock:
            if self._executed is not None:
                return False
            return len(self._plan) <= max(self._enough, self._delay() + self._horizon)

    def ahead(self) -> Ahead | None:
        """See `ChunkQueue`."""
        with self._lock:
            return Ahead(self._used, self._delay()) if len(self._plan) else None


def _ensembler(info: PolicyInfo) -> TemporalEnsembler | None:
    if info.ensemble_coeff is None:
        return None
    return TemporalEnsembler(info.ensemble_coeff, info.chunk_size)
