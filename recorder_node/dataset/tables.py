"""Parquet tables of format v3.0 besides the rows, and how any table is written."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recorder_node.dataset import files
from recorder_node.encoding.stats import Stats
from recorder_node.errors import DatasetError

STATS_PREFIX = 'stats/'


def tasks_table(tasks: Sequence[str]) -> pa.Table:
    """Return tasks.parquet; the pandas metadata makes `task` the index, which lerobot needs."""
    text = {
        'name': 'task',
        'field_name': 'task',
        'pandas_type': 'unicode',
        'numpy_type': 'object',
        'metadata': None,
    }
    pandas = {
        'index_columns': ['task'],
        'column_indexes': [{'name': None, 'field_name': None, 'pandas_type': 'unicode',
                            'numpy_type': 'object', 'metadata': {'encoding': 'UTF-8'}}],
        'columns': [{'name': 'task_index', 'field_name': 'task_index', 'pandas_type': 'int64',
                     'numpy_type': 'int64', 'metadata': None}, text],
        'creator': {'library': 'pyarrow', 'version': pa.__version__},
        'pandas_version': '2.3.3',
    }  # fmt: skip
    return pa.table(
        {
            'task_index': pa.array(range(len(tasks)), pa.int64()),
            'task': pa.array(list(tasks), pa.string()),
        },
    ).replace_schema_metadata({'pandas': json.dumps(pandas)})


def read_tasks(path: Path) -> list[str]:
    """Return the task texts by index, from a file of any lerobot version.

    lerobot looks tasks up by position and takes the text from the pandas index; the text column
    is called `__index_level_0__` by 0.4, `task` later.

    Raises:
        DatasetError: when it cannot be read, or lerobot would read other texts than those in it.
    """
    table = files.read_table(path)
    pandas = json.loads((table.schema.metadata or {}).get(b'pandas', b'{}'))
    index = pandas.get('index_columns')
    if 'task_index' not in table.column_names:
        raise DatasetError(f'{path} has no column task_index')
    if not index or index[0] not in table.column_names:
        raise DatasetError(f'{path} has no pandas metadata, by which lerobot finds the texts')
    if table.column('task_index').to_pylist() != list(range(table.num_rows)):
        raise DatasetError(f'{path}: task_index is not the row number')
    texts = table.column(index[0]).to_pylist()
    if not all(isinstance(text, str) for text in texts):
        raise DatasetError(f'{path}: a task is not a text')
    return [str(text) for text in texts]


def episode_table(
    row: Mapping[str, Any], stats: Mapping[str, Stats], extra: Mapping[str, Any]
) -> pa.Table:
    """Return one row of meta/episodes: bookkeeping, then the statistics, then its own place.

    `extra` are columns that others added.
    """
    arrays: dict[str, pa.Array] = {}
    tail = {name: value for name, value in row.items() if name.startswith('meta/')}
    for name, value in row.items():
        if name in tail:
            continue
        if name == 'tasks':
            arrays[name] = pa.array([value], pa.list_(pa.string()))
        else:
            kind = pa.float64() if name.endswith('_timestamp') else pa.int64()
            arrays[name] = pa.array([value], kind)
    for feature, entries in stats.items():
        for name, array in entries.items():
            kind = pa.int64() if name == 'count' else pa.float64()
            for _ in range(array.ndim):
                kind = pa.list_(kind)
            arrays[f'{STATS_PREFIX}{feature}/{name}'] = pa.array([array.tolist()], kind)
    for name, value in tail.items():
        arrays[name] = pa.array([value], pa.int64())
    for name, value in extra.items():
        arrays[name] = pa.array([value])
    return pa.table(arrays)


def joined(parts: Sequence[pa.Table]) -> pa.Table:
    """Return tables one below the other, columns found by name: no two writers order them alike.

    A column that a table lacks is null there.
    """
    return pa.concat_tables(parts, promote_options='default').combine_chunks()


def write_groups(path: Path, groups: Iterable[pa.Table]) -> None:
    """Write tables as one file, a row group each: snappy, dictionary encoding but for pictures."""
    remaining = iter(groups)
    first = next(remaining)
    plain = [f.name for f in first.schema if not pa.types.is_struct(f.type)]
    with pq.ParquetWriter(path, first.schema, compression='snappy', use_dictionary=plain) as writer:
        for group in itertools.chain([first], remaining):
            writer.write_table(group, row_group_size=max(1, group.num_rows))
