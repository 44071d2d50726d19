"""Descriptions of types as messages, the form in which ROS 2 hands them from node to node."""

from __future__ import annotations

from typing import Any

from rosidl_embedded.definitions import Field, Form, definition, type_hash, typestore
from rosidl_embedded.message import message_class
from rosidl_embedded.primitives import PRIMITIVES

_PACKAGE = 'type_description_interfaces/msg'
_WORDS = {'bool': 'BOOLEAN', 'float32': 'FLOAT', 'float64': 'DOUBLE', 'char': 'UINT8'}


def description(name: str, wanted_hash: str = '') -> Any:
    """Return the TypeDescription of a message or service type.

    Raises:
        KeyError: There is no such type, or it has another hash than the one wanted.
    """
    if name not in typestore().fielddefs:
        raise KeyError(f'type {name!r} is not known')
    if wanted_hash and wanted_hash != type_hash(name):
        raise KeyError(f'type {name!r} has the hash {type_hash(name)}, not {wanted_hash}')
    found: dict[str, Any] = {}
    _collect(name, found)
    return message_class(f'{_PACKAGE}/TypeDescription')(
        type_description=found.pop(name),
        referenced_type_descriptions=[found[key] for key in sorted(found)],
    )


def _collect(name: str, found: dict[str, Any]) -> None:
    if name in found:
        return
    found[name] = None
    fields = definition(name).fields
    found[name] = message_class(f'{_PACKAGE}/IndividualTypeDescription')(
        type_name=name, fields=[_field(field) for field in fields]
    )
    for field in fields:
        if field.base in typestore().fielddefs:
            _collect(field.base, found)


def _field(field: Field) -> Any:
    kinds = message_class(f'{_PACKAGE}/FieldType')
    is_nested = field.base not in PRIMITIVES and field.base != 'string'
    word = 'NESTED_TYPE' if is_nested else _WORDS.get(field.base, field.base.upper())
    if field.string_bound:
        word = f'BOUNDED_{word}'
    if field.form is Form.ARRAY:
        word += '_ARRAY'
    elif field.form is Form.SEQUENCE:
        word += '_BOUNDED_SEQUENCE' if field.size else '_UNBOUNDED_SEQUENCE'
    return message_class(f'{_PACKAGE}/Field')(
        name=field.name,
        type=kinds(
            type_id=getattr(kinds, f'FIELD_TYPE_{word}'),
            capacity=field.size,
            string_capacity=field.string_bound,
            nested_type_name=field.base if is_nested else '',
        ),
    )
