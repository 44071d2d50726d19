"""What the robot sees now, by the same contract, buffers, alignment and units as in a recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from policy_node.errors import PolicyError
from recorder_node.contract import Contract
from recorder_node.errors import StreamError
from recorder_node.messages import NS
from recorder_node.pictures import pixels
from recorder_node.sampler import RowError, Sampler
from recorder_node.streams import StreamBuffer


class ObservationError(PolicyError):
    """A stream has nothing, something too old, or a picture that does not decode."""


class Moment(NamedTuple):
    """An observation: vectors `(n,)` in dataset units, pictures `(height, width, 3)` uint8 RGB.

    `oldest_ns` is the age of its oldest part.
    """

    t_ns: int
    values: dict[str, NDArray[Any]]
    oldest_ns: int


class Observer:
    """Builds observations from the contract's streams.

    Args:
        contract: its `observation` features are used.
        buffers: of those features, filled by callbacks.
        fps: rate at which rows are recorded.
        max_age_s: nothing may be older, whatever the contract allows.
    """

    def __init__(
        self, contract: Contract, buffers: Mapping[str, StreamBuffer], fps: int, max_age_s: float
    ) -> None:
        self._sampler = Sampler(contract.observations(), buffers, fps)
        self._buffers = buffers
        self._max_age_ns = round(max_age_s * NS)

    def observe(self, now_ns: int) -> Moment:
        """Return what a row at this time would hold, of what has arrived.

        Raises:
            ObservationError: naming the topic and what is wrong with it.
        """
        try:
            row = self._sampler.row(now_ns, 0)
        except RowError as error:
            raise ObservationError(str(error)) from error
        for key, pick in row.picks.items():
            source = self._buffers[key].source
            if key in row.stale or pick.age_ns > self._max_age_ns:
                limit_s = min(source.max_age_s, self._max_age_ns / NS)
                raise ObservationError(
                    f'{source.topic} ({key}) is {pick.age_ns / NS:.2f} s old, '
                    f'{limit_s:g} s is allowed'
                )
        values: dict[str, NDArray[Any]] = {**row.values}
        try:
            for name, picture in row.pictures.items():
                values[name] = in_rgb(*pixels(picture))
        except StreamError as error:
            raise ObservationError(str(error)) from error
        oldest_ns = max(pick.age_ns for pick in row.picks.values())
        return Moment(now_ns, values, oldest_ns)


def in_rgb(image: NDArray[np.uint8], layout: str) -> NDArray[np.uint8]:
    """Return a picture of `pixels` as a contiguous RGB array of its own."""
    return np.ascontiguousarray(image if layout == 'rgb24' else image[..., ::-1])
