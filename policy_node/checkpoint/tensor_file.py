"""Tensors in the safetensors format: looked at as a whole before anything is allocated."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from policy_node.checkpoint.tensor_header import read_entries, words
from policy_node.errors import CheckpointError

_DTYPES = {
    'F64': torch.float64,
    'F32': torch.float32,
    'F16': torch.float16,
    'BF16': torch.bfloat16,
    'I64': torch.int64,
    'I32': torch.int32,
    'I16': torch.int16,
    'I8': torch.int8,
    'U8': torch.uint8,
    'BOOL': torch.bool,
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One tensor of a file; `start` and `end` count bytes from the beginning of the file."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    end: int


class TensorFile:
    """A safetensors file whose header is sound.

    Args:
        path: the file.
        largest_bytes: more than this is refused before anything is read.

    Raises:
        CheckpointError: when it cannot be read, is truncated, contradicts itself or is too large.
    """

    def __init__(self, path: Path, largest_bytes: int) -> None:
        self.path = path
        self.entries = {
            name: Entry(_DTYPES[entry.dtype], entry.shape, entry.start, entry.end)
            for name, entry in read_entries(path, largest_bytes).items()
        }

    def read(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Return tensors by name, as stored.

        Raises:
            CheckpointError: when the file cannot be read, or changed since it was opened.
        """
        tensors = {}
        try:
            with self.path.open('rb') as file:
                for name in names:
                    tensors[name] = _read(file, self.entries[name])
        except (OSError, ValueError) as error:
            raise CheckpointError(self.path, [words(error)]) from None
        return tensors


def _read(file: Any, entry: Entry) -> Tensor:
    file.seek(entry.start)
    content = bytearray(file.read(entry.end - entry.start))
    if len(content) != entry.end - entry.start:
        raise ValueError('became shorter while it was read')
    if not content:
        return torch.empty(entry.shape, dtype=entry.dtype)
    return torch.frombuffer(content, dtype=entry.dtype).reshape(entry.shape)
