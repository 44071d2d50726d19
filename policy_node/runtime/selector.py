"""One action per tick, step by step what LeRobot's `select_action` gives (0.3 to 0.6)."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from policy_node.networks.policy import Observation, Policy
from policy_node.runtime.ensemble import TemporalEnsembler


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
            chunk = self._policy.chunk(list(self._history))
            return torch.from_numpy(self._ensembler.update(chunk.numpy()))
        if not self._queue:
            chunk = self._policy.chunk(list(self._history))
            self._queue.extend(chunk[: self._policy.info.n_action_steps])
        return self._queue.popleft()
