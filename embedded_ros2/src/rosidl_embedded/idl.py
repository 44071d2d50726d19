"""Cyclone DDS descriptions of message types, needed to create topics.

Data are serialized by :mod:`rosidl_embedded.cdr`; Cyclone DDS only announces these types.
"""

from __future__ import annotations

import functools
from typing import Any

import cyclonedds.idl.types
from cyclonedds.idl import IdlStruct, make_idl_struct

from rosidl_embedded.definitions import Field, Form, definition

types: Any = cyclonedds.idl.types
_BASES: dict[str, Any] = {
    'bool': bool,
    'byte': types.byte,
    'char': types.uint8,
    'string': str,
    'int8': types.int8,
    'int16': types.int16,
    'int32': types.int32,
    'int64': types.int64,
    'uint8': types.uint8,
    'uint16': types.uint16,
    'uint32': types.uint32,
    'uint64': types.uint64,
    'float32': types.float32,
    'float64': types.float64,
}


def dds_name(name: str) -> str:
    """Return the DDS name of a ROS type: a/msg/B is a::msg::dds_::B_."""
    package, kind, short = name.split('/')
    return f'{package}::{kind}::dds_::{short}_'


def ros_name(name: str) -> str | None:
    """Return the ROS name of a DDS type, None if it is not one of ROS."""
    parts = name.split('::')
    if len(parts) != 4 or parts[2] != 'dds_' or not parts[3].endswith('_'):
        return None
    return f'{parts[0]}/{parts[1]}/{parts[3][:-1]}'


def _hint(field: Field) -> Any:
    hint = _BASES.get(field.base) or idl_type(field.base)
    if field.string_bound:
        hint = types.bounded_str[field.string_bound]
    if field.form is Form.ARRAY:
        return types.array[hint, field.size]
    if field.form is Form.SEQUENCE:
        return types.sequence[hint, field.size] if field.size else types.sequence[hint]
    return hint


@functools.cache
def idl_type(name: str, with_request_header: bool = False) -> type[IdlStruct]:
    """Return the Cyclone DDS type of a message, or of a service part with its header."""
    header = {'guid': types.uint64, 'sequence': types.int64} if with_request_header else {}
    fields = {field.name: _hint(field) for field in definition(name).fields}
    return make_idl_struct(name.replace('/', '_'), dds_name(name), {**header, **fields})
