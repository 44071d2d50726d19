"""A complete take: what the dataset takes over, and how its columns come out of the journal."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recorder_node.contract.contract import MARKED, Contract, Feature
from recorder_node.encoding.images import ImageFile
from recorder_node.encoding.stats import Stats, numeric_stats
from recorder_node.episode.take_folder import TakeHeader, read_header

Column = NDArray[np.generic] | Sequence[str] | Sequence[bytes]


@dataclasses.dataclass(frozen=True)
class SealedTake:
    """A complete take on disk.

    `columns` by feature: numbers `(rows, *shape)`, texts a list, images a sequence of whole
    picture files that is read lazily. `videos` are finished mp4 files by feature with exactly
    `rows` frames; `stats` are those of all features but texts, numbers reduced as in v3.0;
    `stamps_ns` and `recv_ns` are `(rows, streams)`; `task_of_row` indexes `tasks`. `outcome` is
    how the episode was marked; `warnings` say what was found while sealing.
    """

    folder: Path
    rows: int
    fps: int
    t0_ns: int
    columns: dict[str, Column]
    tasks: tuple[str, ...]
    task_of_row: NDArray[np.int32]
    videos: dict[str, Path]
    stats: dict[str, Stats]
    streams: tuple[str, ...]
    stamps_ns: NDArray[np.int64]
    recv_ns: NDArray[np.int64]
    spilled_frames: int
    longest_still: dict[str, int]
    spilled_bytes: int = 0
    outcome: bool | None = None
    warnings: tuple[str, ...] = ()

    def remove(self) -> None:
        """Delete the take's folder."""
        shutil.rmtree(self.folder)


@dataclasses.dataclass(frozen=True)
class Cameras:
    """What the cameras of a take left behind, by feature."""

    videos: dict[str, Path] = dataclasses.field(default_factory=dict)
    images: dict[str, ImageFile] = dataclasses.field(default_factory=dict)
    stats: dict[str, Stats] = dataclasses.field(default_factory=dict)
    longest_still: dict[str, int] = dataclasses.field(default_factory=dict)


def sealed(
    folder: Path,
    header: TakeHeader,
    records: NDArray[np.void],
    texts: Sequence[str],
    cameras: Cameras,
) -> SealedTake:
    """Put a sealed take together from its parts; `records` are its rows."""
    contract = header.contract
    numbers = {f.name: _numbers(f, records, header.outcome) for f in contract.numeric}
    columns: dict[str, Column] = dict(numbers)
    for feature in contract.texts:
        columns[feature.name] = [texts[n] for n in records['features'][feature.name][:, 0]]
    columns.update(cameras.images)
    tasks, task_of_row = _tasks(records['task'], texts)
    return SealedTake(
        folder=folder,
        rows=len(records),
        fps=header.fps,
        t0_ns=header.t0_ns,
        columns=columns,
        tasks=tasks,
        task_of_row=task_of_row,
        videos=dict(cameras.videos),
        stats={
            **cameras.stats,
            **{name: numeric_stats(values) for name, values in numbers.items()},
        },
        streams=header.streams,
        stamps_ns=records['stamp_ns'],
        recv_ns=records['recv_ns'],
        spilled_frames=0,
        longest_still=dict(cameras.longest_still),
        outcome=header.outcome,
        warnings=_unmarked(contract, header.outcome),
    )


def marked(take: SealedTake, contract: Contract, outcome: bool) -> SealedTake:
    """Return a sealed take that was marked as success or failure only afterwards; durable.

    Raises:
        OSError: when the disk refuses.
    """
    header = read_header(take.folder)
    dataclasses.replace(header, outcome=outcome).write(take.folder)
    columns, stats = dict(take.columns), dict(take.stats)
    for feature in contract.session:
        if feature.session in MARKED:
            values = np.zeros_like(columns[feature.name])
            values[-1] = outcome
            columns[feature.name], stats[feature.name] = values, numeric_stats(values)
    unmarked = _unmarked(contract, None)
    warnings = tuple(text for text in take.warnings if text not in unmarked)
    return dataclasses.replace(
        take, columns=columns, stats=stats, outcome=outcome, warnings=warnings
    )


def _numbers(
    feature: Feature, records: NDArray[np.void], outcome: bool | None
) -> NDArray[np.generic]:
    """Return a feature's column; what depends on the episode's end is filled in here."""
    values: NDArray[np.generic] = records['features'][feature.name]
    if feature.session in ('', 'intervention'):
        return values
    values = np.zeros_like(values)
    values[-1] = True if feature.session == 'done' else outcome is True
    return values


def _tasks(
    numbers: NDArray[np.int32], texts: Sequence[str]
) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return the tasks by first appearance, and for every row which it is."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    tasks = tuple(texts[numbers[row]] for row in np.sort(first))
    return tasks, place[inverse.reshape(-1)].astype(np.int32)


def _unmarked(contract: Contract, outcome: bool | None) -> tuple[str, ...]:
    asked = [f.name for f in contract.session if f.session in MARKED]
    if outcome is not None or not asked:
        return ()
    return (f'not marked as success or failure; {", ".join(asked)} say no success',)
