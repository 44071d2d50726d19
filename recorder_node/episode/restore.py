"""What a cut take left behind becomes a sealed take again.

A take's journal holds its rows and each camera's file can be read up to the cut; the episode is
as long as the shortest of them.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder_node.contract.contract import Contract, Feature
from recorder_node.encoding.camera_writer import frame_stats
from recorder_node.encoding.depth_stats import DepthStats
from recorder_node.encoding.images import ImageFile, decoded, whole_images
from recorder_node.encoding.stats import PictureStats
from recorder_node.encoding.video import copy_frames, frames_in, frames_of
from recorder_node.episode import journal, texts
from recorder_node.episode.fragments import whole_length
from recorder_node.episode.sealed import Cameras, SealedTake, sealed
from recorder_node.episode.take_folder import (
    ROWS,
    TEXTS,
    camera_file,
    finished_file,
    read_header,
)
from recorder_node.errors import EmptyTakeError, RecorderError


def restore(folder: Path, outcome: bool | None = None) -> tuple[SealedTake, Contract]:
    """Make a sealed take of what a cut one left behind.

    Args:
        folder: the take.
        outcome: success or failure, when the take itself does not say.

    Raises:
        EmptyTakeError: when it was cut before a single row was complete.
        RecorderError: when a file is missing or damaged.
    """
    header = read_header(folder)
    if header.outcome is None:
        header = dataclasses.replace(header, outcome=outcome)
    contract = header.contract
    try:
        known = texts.read(folder / TEXTS)
        records = journal.read(folder / ROWS, journal.record_dtype(contract, header.streams))
        rows = _rows_with_texts(records, contract, known)
        begun = len(records) < header.fps
        most = 0
        for feature in contract.cameras:
            path = camera_file(folder, feature)
            missing = begun and not path.exists()
            frames = 0 if missing else _frames(path, feature, header.fps)
            rows, most = min(rows, frames), max(most, frames)
        if not rows:
            # Where more than a second of pictures is, the rows have gone: not an empty take.
            kind = EmptyTakeError if begun and most < header.fps else RecorderError
            raise kind(f'{folder}: no row is complete')
        cameras = _cameras(folder, contract, header.fps, rows)
    except OSError as error:
        raise RecorderError(f'{folder}: {error}') from error
    return sealed(folder, header, records[:rows], known, cameras), contract


def _rows_with_texts(records: NDArray[np.void], contract: Contract, known: Sequence[str]) -> int:
    """Return how many rows there are before the first whose text or task was cut."""
    lacking = records['task'] >= len(known)
    for feature in contract.texts:
        lacking |= records['features'][feature.name][:, 0] >= len(known)
    return int(np.argmax(lacking)) if lacking.any() else len(records)


def _frames(path: Path, feature: Feature, fps: int) -> int:
    if not feature.is_video:
        return whole_images(path)
    os.truncate(path, whole_length(path))
    return frames_in(path, fps)


def _cameras(folder: Path, contract: Contract, fps: int, rows: int) -> Cameras:
    cameras = Cameras()
    for feature in contract.cameras:
        path = camera_file(folder, feature)
        if feature.is_video:
            finished = finished_file(path)
            copy_frames(path, finished, fps, rows)
            journal.fsync_path(finished)
            cameras.videos[feature.name] = finished
            frames = frames_of(finished, feature)
        else:
            images = ImageFile(path, rows)
            cameras.images[feature.name] = images
            frames = (decoded(images[row], feature.depth is not None) for row in range(rows))
        stats = measured(frames, feature)
        cameras.stats[feature.name] = stats.result()
        cameras.longest_still[feature.name] = stats.longest_still
    journal.fsync_path(folder)
    return cameras


def measured(frames: Iterator[NDArray[Any]], feature: Feature) -> PictureStats | DepthStats:
    """Return a camera's statistics from its stored frames."""
    stats = frame_stats(feature)
    for frame in frames:
        if isinstance(stats, PictureStats):
            stats.add(frame, 'rgb24' if feature.is_video else 'bgr24')
        else:
            assert feature.depth is not None
            stats.add(feature.depth.depths(frame) if feature.is_video else frame)
    return stats
