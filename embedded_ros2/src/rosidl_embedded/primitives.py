"""The primitive types of ROS interfaces and how Python, struct and numpy call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Primitive:
    """One primitive type.

    ``idl`` is its name in ``get_fields_and_field_types``, ``code`` its struct format character.
    ``array`` is the ``array.array`` typecode of sequences and ``dtype`` the numpy type of fixed
    arrays; both are None for types that rosidl keeps in lists.
    """

    idl: str
    code: str
    size: int
    python: type
    default: Any
    array: str | None = None
    dtype: str | None = None
    low: int | None = None
    high: int | None = None


def _integer(idl: str, code: str, bits: int, signed: bool) -> Primitive:
    low = -(1 << (bits - 1)) if signed else 0
    high = (1 << (bits - 1 if signed else bits)) - 1
    return Primitive(idl, code, bits // 8, int, 0, code, idl, low, high)


PRIMITIVES: dict[str, Primitive] = {
    'bool': Primitive('boolean', '?', 1, bool, False),
    'byte': Primitive('octet', 'c', 1, bytes, b'\0'),
    'char': _integer('uint8', 'B', 8, False),
    'int8': _integer('int8', 'b', 8, True),
    'uint8': _integer('uint8', 'B', 8, False),
    'int16': _integer('int16', 'h', 16, True),
    'uint16': _integer('uint16', 'H', 16, False),
    'int32': _integer('int32', 'i', 32, True),
    'uint32': _integer('uint32', 'I', 32, False),
    'int64': _integer('int64', 'q', 64, True),
    'uint64': _integer('uint64', 'Q', 64, False),
    'float32': Primitive('float', 'f', 4, float, 0.0, 'f', 'float32'),
    'float64': Primitive('double', 'd', 8, float, 0.0, 'd', 'float64'),
}
