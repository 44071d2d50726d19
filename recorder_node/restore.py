"""What a cut take left behind becomes a sealed take again.

A take's journal holds its rows and each camera's video can be read up to the cut; the episode is
as long as the shortest of them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import av
import numpy as np

from recorder_node.contract import Contract, Feature
from recorder_node.errors import EncodeError, RecorderError
from recorder_node.fragments import whole_length
from recorder_node.journal import fsync_path, read, record_dtype
from recorder_node.stats import PictureStats, numeric_stats
from recorder_node.take import FORMAT, HEADER, ROWS, SealedTake
from recorder_node.video import copy_frames


def restore(folder: Path) -> tuple[SealedTake, Contract]:
    """Make a sealed take of what a cut one left behind.

    Raises:
        RecorderError: when not a single row is complete, or a file is damaged.
    """
    try:
        header = json.loads((folder / HEADER).read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise RecorderError(f'{folder / HEADER}: {error}') from error
    if header.get('format') != FORMAT:
        raise RecorderError(f'{folder}: format {header.get("format")} is not {FORMAT}')
    contract = _contract(header)
    streams = tuple(header['streams'])
    records = read(folder / ROWS, record_dtype(contract, streams))
    rows = len(records)
    for feature in contract.cameras:
        path = folder / f'{feature.name}.mp4'
        os.truncate(path, whole_length(path))
        rows = min(rows, copy_frames(path, _finished(path), header['fps'], rows))
    if not rows:
        raise RecorderError(f'{folder}: no row is complete')
    records = records[:rows]
    columns = {f.name: records[f.name] for f in contract.numeric}
    stats = {name: numeric_stats(values) for name, values in columns.items()}
    videos, still = {}, {}
    for feature in contract.cameras:
        path = folder / f'{feature.name}.mp4'
        copy_frames(path, _finished(path), header['fps'], rows)
        fsync_path(_finished(path))
        pictures = _picture_stats(_finished(path), feature)
        videos[feature.name] = _finished(path)
        stats[feature.name] = pictures.result()
        still[feature.name] = pictures.longest_still
    take = SealedTake(
        folder=folder,
        rows=rows,
        fps=header['fps'],
        t0_ns=header['t0_ns'],
        columns=columns,
        tasks=tuple(header['tasks']),
        task_of_row=records['task'],
        videos=videos,
        stats=stats,
        streams=streams,
        stamps_ns=records['stamp_ns'],
        recv_ns=records['recv_ns'],
        spilled_frames=0,
        longest_still=still,
    )
    return take, contract


def _finished(path: Path) -> Path:
    return path.with_suffix('.done.mp4')


def _contract(header: dict[str, Any]) -> Contract:
    """Return the features as the take recorded them; their sources do not matter any more."""
    features = tuple(
        Feature(
            name,
            entry['dtype'],
            tuple(entry['shape']),
            None if entry['names'] is None else tuple(entry['names']),
            (),
        )
        for name, entry in header['features'].items()
    )
    return Contract(header['robot_type'], features)


def _picture_stats(path: Path, feature: Feature) -> PictureStats:
    stats = PictureStats(*feature.shape[:2])
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                stats.add(np.asarray(frame.to_ndarray(format='rgb24')), 'rgb24')
    except av.FFmpegError as error:
        raise EncodeError(f'{path.name}: {error}') from error
    return stats
