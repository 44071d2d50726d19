"""Arrow tables of a LeRobot v3.0 dataset: data rows, episodes, tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recorder_node.stats import Stats

Features = Mapping[str, Mapping[str, Any]]

_ARROW = {
    'float32': pa.float32(), 'float64': pa.float64(), 'bool': pa.bool_(),
    **{f'{sign}int{bits}': getattr(pa, f'{sign}int{bits}')()
       for sign in ('', 'u') for bits in (8, 16, 32, 64)},
}  # fmt: skip


def columns_of(features: Features) -> list[str]:
    """Return the features that are columns of the data files, in order."""
    return [name for name, feature in features.items() if feature['dtype'] != 'video']


def data_schema(features: Features) -> pa.Schema:
    """Return the schema of a data file with the `huggingface` metadata of `datasets` 4.x."""
    fields, described = [], {}
    for name in columns_of(features):
        dtype, (width,) = features[name]['dtype'], features[name]['shape']
        value = {'dtype': dtype, '_type': 'Value'}
        if width == 1:
            fields.append(pa.field(name, _ARROW[dtype]))
            described[name] = value
        else:
            fields.append(pa.field(name, pa.list_(_ARROW[dtype], width)))
            described[name] = {'feature': value, 'length': width, '_type': 'List'}
    metadata = {'huggingface': json.dumps({'info': {'features': described}})}
    return pa.schema(fields, metadata=metadata)


def data_table(columns: Mapping[str, NDArray[Any]], features: Features) -> pa.Table:
    """Return one episode's rows; `columns` are `(rows, n)` by feature."""
    schema = data_schema(features)
    arrays = []
    for field in schema:
        values = np.ascontiguousarray(columns[field.name])
        flat = pa.array(values.reshape(-1))
        if pa.types.is_fixed_size_list(field.type):
            flat = pa.FixedSizeListArray.from_arrays(flat, field.type.list_size)
        arrays.append(flat.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


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

    The text column is the one that is not `task_index`; lerobot 0.4 calls it
    `__index_level_0__`, later versions `task`.
    """
    table = pq.read_table(path)
    (text,) = [name for name in table.column_names if name != 'task_index']
    order = table.column('task_index').to_pylist()
    texts = table.column(text).to_pylist()
    return [task for _, task in sorted(zip(order, texts, strict=True))]


def episode_table(row: Mapping[str, Any], stats: Mapping[str, Stats]) -> pa.Table:
    """Return one row of meta/episodes: bookkeeping, then the statistics, then its own place."""
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
            arrays[f'stats/{feature}/{name}'] = pa.array([array.tolist()], kind)
    for name, value in tail.items():
        arrays[name] = pa.array([value], pa.int64())
    return pa.table(arrays)


def write_groups(path: Path, groups: Sequence[pa.Table]) -> None:
    """Write tables as one file, a row group each: snappy, dictionary encoding."""
    with pq.ParquetWriter(path, groups[0].schema, compression='snappy') as writer:
        for group in groups:
            writer.write_table(group, row_group_size=max(1, group.num_rows))
