"""Checks videos and image columns by decoding every frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recorder_node.dataset import files
from recorder_node.dataset.check_rows import TIME_TOLERANCE_S
from recorder_node.dataset.records import Episode
from recorder_node.errors import DatasetError


def videos(
    root: Path,
    key: str,
    feature: Mapping[str, Any],
    fps: int,
    episodes: Sequence[Episode],
    quick: bool,
) -> list[str]:
    """Check every file of a camera: it holds exactly its episodes' frames, on the grid.

    Args:
        root: the dataset's folder.
        key: the camera's feature.
        feature: its description.
        fps: frames per second.
        episodes: all episodes.
        quick: count the frames in each file's index instead of decoding them.

    Returns:
        what is wrong, in words.
    """
    found = []
    ends: dict[str, float] = {}
    for episode in episodes:
        span = episode.videos[key]
        where = f'episode {episode.index}: {span.path}'
        if abs(span.begin_s - ends.get(span.path, 0.0)) > TIME_TOLERANCE_S:
            found.append(
                f'{where} from {span.begin_s} s does not follow {ends.get(span.path, 0.0)} s'
            )
        if abs(span.end_s - span.begin_s - episode.length / fps) > TIME_TOLERANCE_S:
            found.append(f'{where} has {span.end_s - span.begin_s:.4f} s for {episode.length} rows')
        ends[span.path] = span.end_s
    if list(ends) != sorted(ends):
        found.append(f'{key}: the video files are not in the order of the episodes')
    check = _count if quick else _video
    for path, end_s in ends.items():
        rows = round(end_s * fps)
        found += [f'{path} {text}' for text in check(root / path, feature, fps, rows)]
    return found


def _count(path: Path, feature: Mapping[str, Any], fps: int, rows: int) -> list[str]:
    try:
        frames = files.count_frames(path)
    except DatasetError as error:
        return [str(error).removeprefix(f'{path} ')]
    return [] if frames == rows else [f'holds {frames} frames, its episodes have {rows} rows']


def _video(path: Path, feature: Mapping[str, Any], fps: int, rows: int) -> list[str]:
    try:
        times, size = files.opened(path, lambda: _decode(path))
    except DatasetError as error:
        return [str(error).removeprefix(f'{path} ')]
    found = []
    if size != tuple(_size(feature)):
        found.append(f'has frames of {size[1]}x{size[0]}, the feature is {feature["shape"]}')
    if len(times) != rows:
        found.append(f'decodes to {len(times)} frames, its episodes have {rows} rows')
    elif np.abs(times - np.arange(rows) / fps).max(initial=0.0) > TIME_TOLERANCE_S:
        found.append('has frames that are not at n / fps')
    return found


def _decode(path: Path) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return every frame's time in seconds, and height and width."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        size = (stream.height, stream.width)
        stream.thread_type = 'AUTO'
        return np.array([frame.time for frame in container.decode(stream)]), size


def _size(feature: Mapping[str, Any]) -> tuple[int, int]:
    """Return height and width, whichever order the feature's names give."""
    shape, names = feature['shape'], feature.get('names') or []
    channels_first = bool(names) and str(names[0]).startswith('channel')
    return (shape[1], shape[2]) if channels_first else (shape[0], shape[1])


def images(root: Path, key: str, feature: Mapping[str, Any], files: Sequence[str]) -> list[str]:
    """Decode every picture of an image column.

    Returns:
        what is wrong, in words; one line per file at most.
    """
    found = []
    for name in files:
        try:
            problem = _first_bad_image(root / name, key, _size(feature))
        except (OSError, KeyError, pa.ArrowException) as error:
            problem = f'cannot be read: {error}'
        if problem:
            found.append(f'{name}: {key}: {problem}')
    return found


def _first_bad_image(path: Path, key: str, size: tuple[int, int]) -> str:
    row = 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=16, columns=[key]):
        for entry in batch.column(0):
            data = (entry.as_py() or {}).get('bytes')
            if not data:
                return f'there is no picture in row {row}'
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            if picture is None:
                return f'the picture in row {row} does not decode'
            if picture.shape[:2] != size:
                return f'the picture in row {row} is {picture.shape[1]}x{picture.shape[0]}'
            row += 1
    return ''
