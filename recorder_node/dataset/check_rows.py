"""Checks rows against the records of the episodes that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder_node.dataset import layout, schema
from recorder_node.dataset.records import Episode

# LeRobot compares the time of a decoded frame with its row in float32 against this.
TIME_TOLERANCE_S = 1e-4

Columns = Mapping[str, NDArray[Any]]


def check(
    info: Mapping[str, Any],
    recorded: Sequence[Episode],
    data: Mapping[str, pa.Table],
    tasks: Sequence[str],
) -> tuple[list[str], list[str]]:
    """Compare the index columns with the records.

    Args:
        info: the content of info.json.
        recorded: the episodes' records.
        data: the rows by file, in the order in which lerobot joins them.
        tasks: the tasks by task_index.

    Returns:
        what is wrong, and what lerobot does not mind, in words.
    """
    wrong = _files(recorded, data)
    columns = {}
    for name in layout.INDEX_FEATURES:
        parts = [table.column(name) for table in data.values() if name in table.column_names]
        if len(parts) < len(data):
            return wrong, []
        if nulls := sum(part.null_count for part in parts):
            wrong.append(f'data: {name} is null in {nulls} rows')
            return wrong, []
        columns[name] = np.concatenate([part.to_numpy() for part in parts])
    rows = len(columns['index'])
    if not np.array_equal(columns['index'], np.arange(rows)):
        wrong.append('data: index is not the row number')
    notices: list[str] = []
    first = 0
    for number, episode in enumerate(recorded):
        if episode.index != number:
            wrong.append(f'record {number} is that of episode {episode.index}')
        if episode.first_row != first or episode.length < 1:
            wrong.append(
                f'episode {number}: {episode.length} rows from {episode.first_row} do not follow '
                f'{first}'
            )
        first = episode.first_row + episode.length
        part = {name: column[episode.first_row : first] for name, column in columns.items()}
        wrong += _episode(number, episode, part, info['fps'], tasks, notices)
    return wrong, notices


def _episode(
    number: int,
    episode: Episode,
    part: Columns,
    fps: int,
    tasks: Sequence[str],
    notices: list[str],
) -> list[str]:
    where, count = f'episode {number}', len(part['index'])
    if count != episode.length:
        return [f'{where}: {count} of {episode.length} rows are in data']
    wrong = []
    frames = np.arange(count)
    if not np.array_equal(part['frame_index'], frames):
        wrong.append(f'{where}: frame_index does not count from 0')
    if not (part['episode_index'] == number).all():
        wrong.append(f'{where}: rows carry another episode_index')
    late = np.abs(part['timestamp'] - frames / fps)
    if not late.max(initial=0.0) <= TIME_TOLERANCE_S:
        wrong.append(
            f'{where}: timestamp is off frame_index / fps by up to {late.max():.6f} s; '
            'ros2 run recorder edit restamp makes a copy on the grid'
        )
    numbers = sorted({int(index) for index in part['task_index']})
    if unknown := [index for index in numbers if not 0 <= index < len(tasks)]:
        wrong.append(f'{where}: task_index {unknown[0]} in rows, there are {len(tasks)} tasks')
    elif not episode.tasks:
        # lerobot takes a row's task from its task_index; its conversion to video drops these.
        notices.append(f'{where}: no tasks are recorded')
    elif {tasks[index] for index in numbers} != set(episode.tasks):
        used = [tasks[index] for index in numbers]
        wrong.append(f'{where}: tasks are {list(episode.tasks)}, rows use {used}')
    return wrong


def _files(recorded: Sequence[Episode], data: Mapping[str, pa.Table]) -> list[str]:
    """Every episode is in the file that its record names, and every file is named."""
    wrong = []
    begins, first = {}, 0
    for name, table in data.items():
        begins[name] = (first, first + table.num_rows)
        first += table.num_rows
    for episode in recorded:
        begin, end = begins.get(episode.data, (0, -1))
        if not begin <= episode.first_row <= episode.first_row + episode.length <= end:
            wrong.append(f'episode {episode.index}: its rows are not in {episode.data}')
    for name in sorted(set(data) - {episode.data for episode in recorded}):
        wrong.append(
            f'{name}: no episode is recorded as lying there, yet lerobot reads it; '
            'if it is a copy, move it out of data/'
        )
    return wrong


def check_values(features: schema.Features, data: pa.Table) -> list[str]:
    """Say which columns hold nulls, values of another size, or numbers that are not finite."""
    wrong = []
    for name in data.column_names:
        if features[name]['dtype'] == 'language':
            # lerobot 0.6 keeps words in lists of structs; nothing is checked of them.
            continue
        try:
            values = schema.values_of(data.column(name), features[name])
        except (ValueError, pa.ArrowException) as error:
            wrong.append(f'data: {name}: {error}')
            continue
        if features[name]['dtype'].startswith('float'):
            bad = ~np.isfinite(np.asarray(values)).reshape(data.num_rows, -1).all(axis=1)
            if bad.any():
                row = int(np.flatnonzero(bad)[0])
                wrong.append(f'data: {name} is not finite in {bad.sum()} rows, first in {row}')
    return wrong
