"""What the robot sees now, by the same contract, buffers, alignment and units as in a recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from policy_node.errors import PolicyError
from recorder_node.contract.contract import Contract, Source
from recorder_node.errors import StreamError
from recorder_node.streams.buffer import Pick, StreamBuffer
from recorder_node.streams.coded_pictures import decoded
from recorder_node.streams.freshness import why_nothing
from recorder_node.streams.messages import NS
from recorder_node.streams.pictures import Picture, pixels
from recorder_node.streams.sampler import RowError, Sampler

_PERIODS = 15


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
        max_age_s: nothing may be older, whatever the contract says; 0: what the contract allows,
            and at least 15 periods of the policy or the stream, whichever are longer. A machine
            that is busy for a moment stops no evaluation so.
    """

    def __init__(
        self, contract: Contract, buffers: Mapping[str, StreamBuffer], fps: int, max_age_s: float
    ) -> None:
        self._sampler = Sampler(contract.observations(), buffers, fps)
        self._buffers = buffers
        # The last picture of each camera that was whole, with its stamp.
        self._last: dict[str, tuple[int, NDArray[np.uint8]]] = {}
        self._limits_ns = {
            key: round(NS * (max_age_s or _allowed_s(buffer.source, fps)))
            for key, buffer in buffers.items()
        }

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
            if pick.age_ns > self._limits_ns[key]:
                cause = why_nothing(self._buffers[key]) or _who_is_late(pick, now_ns)
                raise ObservationError(
                    f'{self._buffers[key].source.topic} ({key}) is {pick.age_ns / NS:.2f} s old, '
                    f'{self._limits_ns[key] / NS:g} s is allowed: {cause}'
                )
        values: dict[str, NDArray[Any]] = {**row.values}
        stamps_ns = {key: pick.sample.stamp_ns for key, pick in row.picks.items()}
        for name, picture in row.pictures.items():
            stamps_ns[name], values[name] = self._seen(name, picture, stamps_ns[name], now_ns)
        return Moment(now_ns, values, now_ns - min(stamps_ns.values()))

    def _seen(
        self, name: str, picture: Picture, stamp_ns: int, now_ns: int
    ) -> tuple[int, NDArray[np.uint8]]:
        """Return a camera's picture in RGB with its stamp; the one before for a damaged one."""
        try:
            seen = (stamp_ns, in_rgb(*pixels(decoded(picture))))
        except StreamError as error:
            last = self._last.get(name)
            if last is None or now_ns - last[0] > self._limits_ns[name]:
                raise ObservationError(f'{name}: {error}') from error
            return last
        self._last[name] = seen
        return seen


def _allowed_s(source: Source, fps: int) -> float:
    slowest_hz = min(fps, source.rate_hz or fps)
    return max(source.max_age_s, _PERIODS / slowest_hz)


def _who_is_late(pick: Pick, now_ns: int) -> str:
    """Say on which part of its way the time was lost."""
    sample = pick.sample
    # The latency that the contract takes off a stamp is none that was lost.
    way_ns, since_ns = sample.recv_ns - sample.stamp_ns, now_ns - sample.recv_ns
    if since_ns > way_ns:
        return f'nothing has come for {since_ns / NS:.2f} s; its camera or node has paused'
    return (
        f'it came {way_ns / NS:.2f} s after it was measured; the network, or a processor that '
        'is too busy'
    )


def in_rgb(image: NDArray[np.uint8], layout: str) -> NDArray[np.uint8]:
    """Return a picture of `pixels` as a contiguous RGB array of its own."""
    return np.ascontiguousarray(image if layout == 'rgb24' else image[..., ::-1])
