"""Stops a policy whose actions no robot should carry out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policy_node.errors import PolicyError

FloatArray = NDArray[np.float64]


class GuardError(PolicyError):
    """Why an action was not sent; the follower holds."""


class Guard:
    """Looks at every action before it is sent, in radians.

    Small excursions beyond the limits are left to the follower, which clamps them.

    Args:
        names: of the joints, for the words.
        low_rad, high_rad: joint limits, shape (n,).
        margin_rad: how far beyond them an action may be.
        max_step_rad: how far two actions in a row may be apart, each joint.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        low_rad: FloatArray,
        high_rad: FloatArray,
        margin_rad: float,
        max_step_rad: float,
    ) -> None:
        self._names = names
        self._low_rad = low_rad - margin_rad
        self._high_rad = high_rad + margin_rad
        self._max_step_rad = max_step_rad
        self._last_rad: FloatArray | None = None

    def reset(self) -> None:
        """Forget the last action: the follower closes up to the next one with a ramp."""
        self._last_rad = None

    def check(self, action_rad: FloatArray) -> None:
        """Let an action pass, and remember it.

        Raises:
            GuardError: naming the joint, the value and what is allowed.
        """
        self._refuse(~np.isfinite(action_rad), action_rad, 'is not finite')
        low, high = self._low_rad, self._high_rad
        beyond = (action_rad < low) | (action_rad > high)
        if beyond.any():
            at = int(np.argmax(beyond))
            self._refuse(beyond, action_rad, f'is beyond {low[at]:.2f} to {high[at]:.2f} rad')
        if self._last_rad is not None:
            step = np.abs(action_rad - self._last_rad)
            self._refuse(
                step > self._max_step_rad,
                step,
                f'is too long a step, {self._max_step_rad:.2f} rad are allowed',
            )
        self._last_rad = action_rad

    def _refuse(self, wrong: NDArray[np.bool_], values: FloatArray, why: str) -> None:
        if wrong.any():
            at = int(np.argmax(wrong))
            raise GuardError(f'{self._names[at]}: {values[at]:.3f} rad {why}')
