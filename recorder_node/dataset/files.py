"""Opens the files of a dataset; of one that cannot be read the error says what it is.

Every function raises `DatasetError` with the file's name, what it is, and the cure.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import av
import pyarrow as pa
import pyarrow.parquet as pq

from recorder_node.errors import DatasetError
from so101_driver.common.unreadable import why_unreadable

T = TypeVar('T')
_REFUSALS = (OSError, ValueError, pa.ArrowException, av.FFmpegError, IndexError)


def opened(path: Path, read: Callable[[], T]) -> T:
    """Return what `read` returns.

    Raises:
        DatasetError: instead of whatever a library raised over this file.
    """
    try:
        return read()
    except _REFUSALS as error:
        raise DatasetError(f'{path} {why_unreadable(path, error)}') from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file."""
    content = opened(path, lambda: json.loads(path.read_text(encoding='utf-8')))
    if not isinstance(content, dict):
        raise DatasetError(f'{path} holds {type(content).__name__}, not an object')
    return content


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON Lines file."""
    lines = opened(path, lambda: path.read_bytes().splitlines())
    found = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            entry = json.loads(line)
        except ValueError as error:
            why = why_unreadable(path, error) if number == 1 else f'cannot be read: {error}'
            raise DatasetError(f'{path} line {number} {why}') from error
        if not isinstance(entry, dict):
            raise DatasetError(f'{path} line {number} is no object')
        found.append(entry)
    return found


def read_table(path: Path, **options: Any) -> pa.Table:
    """Return a parquet file's rows; `options` are those of pyarrow's `read_table`."""
    return opened(path, lambda: pq.read_table(path, **options))


def read_schema(path: Path) -> pa.Schema:
    """Return a parquet file's schema with its metadata."""
    return opened(path, lambda: pq.read_schema(path))


def read_groups(path: Path) -> list[pa.Table]:
    """Return a parquet file's row groups."""

    def groups() -> list[pa.Table]:
        file = pq.ParquetFile(path)
        return [file.read_row_group(number) for number in range(file.num_row_groups)]

    return opened(path, groups)


def count_frames(path: Path) -> int:
    """Return how many frames a video holds, from its index; a growing one is read through."""

    def count() -> int:
        _check_boxes(path)
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if stream.frames:
                return int(stream.frames)
            return sum(packet.size > 0 for packet in container.demux(stream))

    return opened(path, count)


def _check_boxes(path: Path) -> None:
    """Refuse an mp4 whose last box does not end with the file: its index knows nothing of a cut.

    A box begins with its length in 32 bits and a name; 1 says that 64 bits follow, 0 that it
    reaches to the end (ISO/IEC 14496-12, 4.2).
    """
    size = path.stat().st_size
    with path.open('rb') as file:
        at = 0
        while at < size:
            file.seek(at)
            header = file.read(16)
            length = struct.unpack('>I', header[:4])[0] if len(header) >= 8 else size + 1
            if length == 1 and len(header) == 16:
                length = struct.unpack('>Q', header[8:])[0]
            at = size if length == 0 else at + max(length, 8)
    if at != size:
        raise ValueError(f'it is cut: {size} of {at} bytes are there')
