"""Hashes of types."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SIZE = 32
_TEXT = re.compile(r'RIHS(\d\d)_([0-9a-f]{64})')


@dataclass
class TypeHash:
    """Version and value of a hash; the default is none at all."""

    version: int = -1
    value: bytes = bytes(_SIZE)

    def __str__(self) -> str:
        if self.version <= 0 or len(self.value) != _SIZE:
            return 'INVALID'
        return f'RIHS{self.version:02}_{self.value.hex()}'


def from_text(text: str | None) -> TypeHash:
    """Return the hash that an endpoint announces."""
    match = _TEXT.fullmatch(text or '')
    return TypeHash(int(match[1]), bytes.fromhex(match[2])) if match else TypeHash()
