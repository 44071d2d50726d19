"""The readable part of a fragmented mp4 that was cut while it was being written.

Boxes follow one another, each with its length in front (ISO/IEC 14496-12, section 4.2). A box
that is cut makes some readers refuse the whole file, so a reader is given what lies before it.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_HEADER = 8
_LARGE_HEADER = 16


def whole_length(path: Path) -> int:
    """Return the length up to the end of the last complete fragment (`moof` with its `mdat`)."""
    size = path.stat().st_size
    whole = 0
    with path.open('rb') as file:
        at = 0
        while (box := _box(file, at)) is not None:
            kind, length = box
            if at + length > size:
                break
            at += length
            if kind != b'moof':
                whole = at
    return whole


def _box(file: BinaryIO, at: int) -> tuple[bytes, int] | None:
    """Return type and length of the box at an offset; None when its header is not complete."""
    file.seek(at)
    header = file.read(_LARGE_HEADER)
    if len(header) < _HEADER:
        return None
    length, kind = int.from_bytes(header[:4], 'big'), header[4:8]
    if length == 1:
        if len(header) < _LARGE_HEADER:
            return None
        length = int.from_bytes(header[8:], 'big')
    return (kind, length) if length >= _HEADER else None
