"""One action per tick, step by step what LeRobot's `select_action` gives (0.3 to 0.6)."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from policy_node.policy import Observation, Policy


class TemporalEnsembler:
    """Weighted mean of all predictions of one action; weights fall with exp(-coefficient * age).

    The oldest prediction has weight 1, so a positive coefficient favours old ones.

    Args:
        coefficient: any number; 0 gives the plain mean.
        chunk_size: actions in a prediction.
    """

    def __init__(self, coefficient: float, chunk_size: int) -> None:
        self._weights = torch.exp(-coefficient * torch.arange(chunk_size))
        self._sums = torch.cumsum(self._weights, 0)
        self._size = chunk_size
        self.reset()

    def reset(self) -> None:
        """Forget all predictions."""
        self._mean: Tensor | None = None
        self._counts = torch.zeros(0, dtype=torch.long)

    def update(self, chunk: Tensor) -> Tensor:
        """Take a prediction (chunk_size, action size), return the action for now."""
        if self._mean is None:
            mean = chunk.clone()
            counts = torch.ones(self._size, dtype=torch.long)
        else:
            counts = self._counts
            old, total = self._sums[counts - 1, None], self._sums[counts, None]
            mean = (self._mean * old + chunk[:-1] * self._weights[counts, None]) / total
            mean = torch.cat([mean, chunk[-1:]])
            counts = torch.cat([(counts + 1).clamp(max=self._size), counts.new_ones(1)])
        self._mean, self._counts = mean[1:], counts[1:]
        return mean[0]


class ActionSelector:
    """Observation in, action out, once per tick of the policy's rate.

    Without ensembling, `n_action_steps` actions of a chunk are given out before the next chunk
    is computed; observations in between only enter the history.
    """

    def __init__(self, policy: Policy) -> None:
        info = policy.info
        self._policy = policy
        self._history: deque[Observation] = deque(maxlen=info.n_obs_steps)
        self._queue: deque[Tensor] = deque()
        self._ensembler = (
            None
            if info.ensemble_coeff is None
            else TemporalEnsembler(info.ensemble_coeff, info.chunk_size)
        )

    @property
    def queued(self) -> int:
        """Actions that can be had without the network."""
        return len(self._queue)

    def reset(self) -> None:
        """Forget the episode that was."""
        self._history.clear()
        self._queue.clear()
        if self._ensembler:
            self._ensembler.reset()
        self._policy.reset()

    def select(self, observation: Observation) -> Tensor:
        """Return the action (action size,) for an observation, in dataset units.

        The observation is kept in the history: do not change its arrays afterwards.

        Raises:
            InferenceError: when the network was asked and failed.
        """
        # After a reset the history is filled with copies of the first observation.
        missing = self._policy.info.n_obs_steps - len(self._history)
        self._history.extend([observation] * max(missing, 1))
        if self._ensembler:
            return self._ensembler.update(self._policy.chunk(list(self._history)))
        if not self._queue:
            chunk = self._policy.chunk(list(self._history))
            self._queue.extend(chunk[: self._policy.info.n_action_steps])
        return self._queue.popleft()
