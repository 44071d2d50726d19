"""LeRobot features as Arrow columns: types, `huggingface` metadata, values both ways.

Format v3.0 is written by `datasets` 4.x, which calls a vector `List`; v2.1 by 3.x, which calls it
`Sequence` and fails on `List` (lerobot 0.3.3).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recorder_node.dataset import layout

Features = Mapping[str, Mapping[str, Any]]
# A feature's values by row: an array `(rows, *shape)`, texts, or whole picture files.
Column = Sequence[Any] | NDArray[Any]

_ARROW = {
    'float32': pa.float32(), 'float64': pa.float64(), 'bool': pa.bool_(), 'string': pa.string(),
    **{f'{sign}int{bits}': getattr(pa, f'{sign}int{bits}')()
       for sign in ('', 'u') for bits in (8, 16, 32, 64)},
}  # fmt: skip
KNOWN_TYPES = (*_ARROW, 'image', 'video')
_IMAGE = pa.struct([('bytes', pa.binary()), ('path', pa.string())])
_VECTOR = {layout.V30: 'List', layout.V21: 'Sequence'}
_FRAME_NAME = {layout.V30: 'frame-{:06d}', layout.V21: 'frame_{:06d}'}
_PNG = b'\x89PNG'
# Whole pictures make large groups; a file is written in slices of so many rows of them.
_ROWS_PER_SLICE = 32


def columns_of(features: Features) -> list[str]:
    """Return the features that are columns of the data files, in order."""
    return [name for name, feature in features.items() if feature['dtype'] != 'video']


def unknown_types(features: Features) -> list[str]:
    """Return the features of a type that cannot be written, each with its type."""
    return [
        f'{name} ({feature["dtype"]})'
        for name, feature in features.items()
        if feature['dtype'] not in KNOWN_TYPES
    ]


def has_statistics(feature: Mapping[str, Any]) -> bool:
    """Tell whether LeRobot keeps statistics of a feature."""
    return feature['dtype'] not in ('string', 'language')


def is_picture(feature: Mapping[str, Any]) -> bool:
    """Tell whether a feature is a camera, as video or as image files."""
    return feature['dtype'] in ('video', 'image')


def has_images(features: Features) -> bool:
    """Tell whether the rows hold whole picture files."""
    return any(feature['dtype'] == 'image' for feature in features.values())


def data_schema(features: Features, version: str) -> pa.Schema:
    """Return the schema of a data file with its `huggingface` metadata."""
    fields, described = [], {}
    for name in columns_of(features):
        field, described[name] = _field(name, features[name], version)
        fields.append(field)
    metadata = {'huggingface': json.dumps({'info': {'features': described}})}
    return pa.schema(fields, metadata=metadata)


def _field(name: str, feature: Mapping[str, Any], version: str) -> tuple[pa.Field, dict[str, Any]]:
    dtype, shape = feature['dtype'], list(feature['shape'])
    if dtype == 'image':
        return pa.field(name, _IMAGE), {'_type': 'Image'}
    value = {'dtype': dtype, '_type': 'Value'}
    if shape == [1]:
        return pa.field(name, _ARROW[dtype]), value
    if len(shape) == 1:
        described = {'feature': value, 'length': shape[0], '_type': _VECTOR[version]}
        return pa.field(name, pa.list_(pa.field('element', _ARROW[dtype]), shape[0])), described
    kind = _ARROW[dtype]
    for _ in shape:
        kind = pa.list_(pa.field('element', kind))
    array = f'Array{len(shape)}D'
    extension = {
        'ARROW:extension:name': f'datasets.features.features.{array}ExtensionType',
        'ARROW:extension:metadata': json.dumps([shape, dtype]),
    }
    described = {'shape': shape, 'dtype': dtype, '_type': array}
    return pa.field(name, kind, metadata=extension), described


def tables(columns: Mapping[str, Column], features: Features, version: str) -> Iterator[pa.Table]:
    """Yield one episode's rows: a single table, or slices when there are pictures in it."""
    schema = data_schema(features, version)
    rows = len(columns['index'])
    step = _ROWS_PER_SLICE if has_images(features) else rows
    for begin in range(0, rows, step):
        end = min(begin + step, rows)
        arrays = [
            _array(field.type, features[field.name], columns[field.name][begin:end], begin, version)
            for field in schema
        ]
        yield pa.Table.from_arrays(arrays, schema=schema)


def _array(
    kind: pa.DataType, feature: Mapping[str, Any], values: Column, first: int, version: str
) -> pa.Array:
    if feature['dtype'] == 'string':
        return pa.array(list(values), pa.string())
    if feature['dtype'] == 'image':
        name = _FRAME_NAME[version]
        paths = [
            name.format(first + number) + ('.png' if data[:4] == _PNG else '.tiff')
            for number, data in enumerate(values)
        ]
        return pa.StructArray.from_arrays(
            [pa.array(list(values), pa.binary()), pa.array(paths)], ['bytes', 'path']
        )
    array = np.ascontiguousarray(values)
    shape = [len(array), *feature['shape']]
    flat = pa.array(array.reshape(-1), _ARROW[feature['dtype']])
    if pa.types.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(flat, type=kind)
    if not pa.types.is_list(kind):
        return flat
    for axis in range(len(shape) - 1, 0, -1):
        lists = int(np.prod(shape[:axis]))
        offsets = pa.array(np.arange(lists + 1, dtype=np.int32) * shape[axis])
        flat = pa.ListArray.from_arrays(offsets, flat)
    return flat.cast(kind)


class Pictures(Sequence[bytes]):
    """The picture files in an image column, one at a time."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        return self._column[at]['bytes'].as_py()


def values_of(column: pa.ChunkedArray, feature: Mapping[str, Any]) -> Column:
    """Return a column's values, whichever of the accepted Arrow types a writer chose.

    Raises:
        ValueError: when its type is not known, or it holds nulls or values of another size.
    """
    if feature['dtype'] not in KNOWN_TYPES:
        raise ValueError(f'its type {feature["dtype"]} is not known')
    if column.null_count:
        raise ValueError(f'{column.null_count} values are null')
    if feature['dtype'] == 'string':
        return [str(text) for text in column.to_pylist()]
    if feature['dtype'] == 'image':
        return Pictures(column)
    flat = column.combine_chunks()
    if isinstance(flat, pa.ChunkedArray):
        flat = flat.chunk(0) if flat.num_chunks else pa.array([], flat.type)
    if isinstance(flat, pa.ExtensionArray):
        flat = flat.storage
    while pa.types.is_list(flat.type) or pa.types.is_fixed_size_list(flat.type):
        flat = pc.list_flatten(flat)
    if flat.null_count:
        raise ValueError(f'{flat.null_count} elements are null')
    shape = (len(column), *feature['shape'])
    array = flat.to_numpy(zero_copy_only=False)
    if array.dtype == object:
        raise ValueError(f'it holds {flat.type}, not {feature["dtype"]}')
    if array.size != int(np.prod(shape)):
        raise ValueError(f'{array.size} elements for {len(column)} rows of shape {shape[1:]}')
    result: NDArray[Any] = array.astype(feature['dtype'], copy=False).reshape(shape)
    return result
