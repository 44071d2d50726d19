"""Rows on an absolute grid: row k stands for the time t0 + k/fps, whatever the machine's load.

No threads and no clock inside: the caller says which row and when, so tests use made-up stamps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder_node.contract.contract import Contract, Feature
from recorder_node.streams.buffer import Pick, StreamBuffer
from recorder_node.streams.messages import NS
from recorder_node.streams.pictures import Picture


@dataclasses.dataclass(frozen=True)
class Row:
    """One row: the values by feature and where each came from by stream.

    `intervention` tells whether a human had taken over from the policy.
    """

    index: int
    t_ns: int
    values: Mapping[str, NDArray[np.generic]]
    pictures: Mapping[str, Picture]
    texts: Mapping[str, str]
    picks: Mapping[str, Pick]
    stale: tuple[str, ...] = ()
    intervention: bool = False


class RowError(Exception):
    """A row cannot be built: a stream has no value at all. Internal to recorder_node."""


def grid_ns(t0_ns: int, index: int, fps: int) -> int:
    """Return the time of row `index`; exact integers, so that rounding never accumulates."""
    return t0_ns + index * NS // fps


def stream_keys(feature: Feature) -> list[str]:
    """Return the names of a feature's streams: its own name, numbered when there are several."""
    if len(feature.sources) == 1:
        return [feature.name]
    return [f'{feature.name}#{number}' for number in range(len(feature.sources))]


def make_buffers(contract: Contract, history_s: float) -> dict[str, StreamBuffer]:
    """Return one buffer per source of the contract, by stream key."""
    return {
        key: StreamBuffer(key, source, round(history_s * NS))
        for feature in contract.features
        for key, source in zip(stream_keys(feature), feature.sources, strict=True)
    }


class Sampler:
    """Builds rows of a contract from its stream buffers."""

    def __init__(self, contract: Contract, buffers: Mapping[str, StreamBuffer], fps: int) -> None:
        self._contract = contract
        self._buffers = buffers
        self._fps = fps
        self._period_ns = NS // fps

    def row(self, t0_ns: int, index: int) -> Row:
        """Build row `index` of the grid that starts at `t0_ns`.

        Raises:
            RowError: when a stream has never delivered anything usable for this time.
        """
        t_ns = grid_ns(t0_ns, index, self._fps)
        values: dict[str, NDArray[np.generic]] = {}
        pictures: dict[str, Picture] = {}
        texts: dict[str, str] = {}
        picks: dict[str, Pick] = {}
        stale = []
        for feature in self._contract.features:
            parts: list[NDArray[Any]] = []
            for key in stream_keys(feature):
                buffer = self._buffers[key]
                pick = buffer.pick(t_ns, self._period_ns)
                if pick is None:
                    raise RowError(f'{buffer.source.topic} ({key}) has no value')
                picks[key] = pick
                if pick.age_ns > buffer.source.max_age_s * NS:
                    stale.append(key)
                value = pick.sample.value
                if isinstance(value, Picture):
                    pictures[feature.name] = value
                elif isinstance(value, str):
                    texts[feature.name] = value
                else:
                    parts.append(value)
            if parts:
                joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
                values[feature.name] = joined.astype(feature.dtype).reshape(feature.shape)
        return Row(index, t_ns, values, pictures, texts, picks, tuple(stale))
