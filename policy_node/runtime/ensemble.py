"""Temporal ensembling: the mean of all predictions of one action (LeRobot 0.3 to 0.6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Weights:
    """Weights exp(-coefficient * i) of the i-th prediction of an action, the oldest being 0.

    A positive coefficient favours old predictions; 0 gives the plain mean.

    Args:
        coefficient: any number.
        chunk_size: actions in a prediction, so the most predictions of one action.
    """

    def __init__(self, coefficient: float, chunk_size: int) -> None:
        self._weights = np.exp(-coefficient * np.arange(chunk_size + 1)).astype(np.float32)
        self._sums = np.cumsum(self._weights)

    def add(
        self, means: NDArray[np.float32], counts: NDArray[np.int64], new: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return means (n, action size) with one more prediction each.

        Args:
            means: of the predictions so far.
            counts: how many they are, (n,), from 1 to the chunk size.
            new: the predictions to add.
        """
        old, weight = self._sums[counts - 1, None], self._weights[counts, None]
        mixed: NDArray[np.float32] = (means * old + new * weight) / self._sums[counts, None]
        return mixed


class TemporalEnsembler:
    """One prediction in, the action for now out, every tick; as LeRobot does it.

    Args:
        coefficient: see `Weights`.
        chunk_size: actions in a prediction.
    """

    def __init__(self, coefficient: float, chunk_size: int) -> None:
        self._weights = Weights(coefficient, chunk_size)
        self.reset()

    def reset(self) -> None:
        """Forget all predictions."""
        self._means: NDArray[np.float32] | None = None
        self._counts = np.zeros(0, np.int64)

    def update(self, chunk: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take a prediction (chunk_size, action size), return the action for now."""
        if self._means is None:
            means, counts = chunk, np.ones(len(chunk), np.int64)
        else:
            means = self._weights.add(self._means, self._counts, chunk[:-1])
            means = np.concatenate([means, chunk[-1:]])
            counts = np.append(self._counts + 1, 1)
        self._means, self._counts = means[1:], counts[1:]
        action: NDArray[np.float32] = means[0]
        return action
