"""The header of a safetensors file, looked at as a whole; torch is not needed for it.

A file is an 8-byte little-endian length, a JSON header of that length naming every tensor with its
dtype, shape and place, and the raw numbers. Nothing in it can run code.
"""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from pathlib import Path
from typing import Any

from policy_node.errors import CheckpointError
from so101_driver.common.unreadable import is_lfs_pointer, why_unreadable

_LONGEST_HEADER = 100_000_000
# Bytes of one number.
_SIZES = {
    'F64': 8, 'F32': 4, 'F16': 2, 'BF16': 2, 'I64': 8, 'I32': 4, 'I16': 2, 'I8': 1, 'U8': 1,
    'BOOL': 1,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Entry:
    """One tensor of a file; `start` and `end` count bytes from the beginning of the file.

    `dtype` is the format's own name of it, such as `F32`.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_entries(path: Path, largest_bytes: int) -> dict[str, Entry]:
    """Return every tensor of a file by name.

    Args:
        path: the file.
        largest_bytes: more than this is refused before anything is read.

    Raises:
        CheckpointError: when it cannot be read, is truncated, contradicts itself or is too large.
    """
    problems: list[str] = []
    entries: dict[str, Entry] = {}
    try:
        header, first, size = _read_header(path)
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(path, [words(error)]) from None
    declared = first
    for name, raw in header.items():
        if name == '__metadata__':
            continue
        entry = _entry(raw, first)
        if isinstance(entry, str):
            problems.append(f'tensor "{name:.100}" {entry}')
        else:
            entries[name] = entry
            declared = max(declared, entry.end)
    if declared > size:
        problems.append(
            f'its header declares {_amount(declared)} but the file has {_amount(size)}: '
            'it is truncated or forged, fetch it again'
        )
    elif declared > largest_bytes:
        problems.append(
            f'holds {_amount(declared)} of tensors; more than {_amount(largest_bytes)} is not read'
        )
    if problems:
        raise CheckpointError(path, problems)
    return entries


def _read_header(path: Path) -> tuple[dict[str, Any], int, int]:
    """Return the header, where the numbers begin, and the size of the file in bytes."""
    size = path.stat().st_size
    if is_lfs_pointer(path):
        raise ValueError(why_unreadable(path))
    with path.open('rb') as file:
        prefix = file.read(8)
        if len(prefix) < 8:
            raise ValueError(f'has only {size} bytes: it is truncated, fetch it again')
        (length,) = struct.unpack('<Q', prefix)
        if length > min(_LONGEST_HEADER, size - 8):
            raise ValueError(
                f'is no safetensors file or is truncated: a header of {_amount(length)} '
                f'in a file of {_amount(size)}'
            )
        try:
            header = json.loads(file.read(length))
        except ValueError:
            raise ValueError('is no safetensors file: its header is not JSON') from None
    if not isinstance(header, dict):
        raise ValueError('is no safetensors file: its header is no JSON object')
    return header, 8 + length, size


def _entry(raw: Any, first: int) -> Entry | str:
    """Return one tensor of the header, or what is wrong with it."""
    if not isinstance(raw, dict):
        return 'is not described'
    dtype = raw.get('dtype')
    if not isinstance(dtype, str) or dtype not in _SIZES:
        return f'has the unknown dtype {dtype!r:.40}'
    shape, places = _counts(raw.get('shape')), _counts(raw.get('data_offsets'))
    if shape is None or places is None or len(places) != 2:
        return 'has no proper shape and place'
    start, end = places
    wanted = math.prod(shape) * _SIZES[dtype]
    if end - start != wanted:
        return f'of shape {list(shape)} needs {_amount(wanted)} but is given {_amount(end - start)}'
    return Entry(dtype, shape, first + start, first + end)


def _counts(values: Any) -> tuple[int, ...] | None:
    if isinstance(values, list) and all(type(item) is int and item >= 0 for item in values):
        return tuple(values)
    return None


def words(error: Exception) -> str:
    """Return what to say of a file that could not be read."""
    if isinstance(error, OSError):
        return f'cannot be read: {error.strerror or error}'
    return str(error)


def _amount(count: int) -> str:
    for unit, factor in (('GB', 10**9), ('MB', 10**6), ('kB', 10**3)):
        if abs(count) >= factor:
            return f'{count / factor:.1f} {unit}'
    return f'{count} bytes'
