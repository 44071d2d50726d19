"""Message and service classes with the interface that rosidl generates."""

from __future__ import annotations

import functools
from array import array
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from rosidl_embedded.definitions import PLACEHOLDER, Field, Form, definition
from rosidl_embedded.primitives import PRIMITIVES
from rosidl_embedded.services import SERVICES
from rosidl_embedded.validation import make_setter


class Message:
    """Base of all message classes; a field ``x`` is a property over the slot ``_x``."""

    __slots__ = ()
    TYPE_NAME: ClassVar[str]
    _field_types: ClassVar[dict[str, str]]
    _defaults: ClassVar[tuple[tuple[str, Callable[[], Any]], ...]]

    def __init__(self, **kwargs: Any) -> None:
        unknown = kwargs.keys() - self._field_types.keys()
        assert not unknown, f'Invalid arguments passed to constructor: {", ".join(sorted(unknown))}'
        for slot, default in self._defaults:
            setattr(self, slot, default())
        for name, value in kwargs.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        fields = ', '.join(f'{name}={_text(getattr(self, name))}' for name in self._field_types)
        return f'{type(self).__module__}.{type(self).__name__}({fields})'

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return False
        return all(_equal(getattr(self, n), getattr(other, n)) for n in self._field_types)

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        """Return the fields' types in IDL words by field name."""
        return dict(cls._field_types)


def _text(value: Any) -> str:
    return repr(value.tolist()) if isinstance(value, array) else repr(value)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, np.ndarray):
        return bool(np.array_equal(left, right))
    return bool(left == right)


def idl_name(field: Field) -> str:
    """Return the type of a field in IDL words."""
    if field.base in PRIMITIVES:
        name = PRIMITIVES[field.base].idl
    elif field.base == 'string':
        name = f'string<{field.string_bound}>' if field.string_bound else 'string'
    else:
        package, _, short = field.base.split('/')
        name = f'{package}/{short}'
    if field.form is Form.ARRAY:
        return f'{name}[{field.size}]'
    if field.form is Form.SEQUENCE:
        return f'sequence<{name}, {field.size}>' if field.size else f'sequence<{name}>'
    return name


def _default(field: Field, nested: type | None) -> Callable[[], Any]:
    primitive = PRIMITIVES.get(field.base)
    single: Callable[[], Any]
    if nested is not None:
        single = nested
    else:
        fallback = primitive.default if primitive else ''
        value = fallback if field.default is None else field.default
        single = lambda: value  # noqa: E731
    if field.form is Form.SCALAR:
        return single
    if field.form is Form.SEQUENCE:
        typecode = primitive.array if primitive else None
        return list if typecode is None else (lambda: array(typecode))
    if primitive and primitive.dtype:
        return lambda: np.zeros(field.size, dtype=primitive.dtype)
    return lambda: [single() for _ in range(field.size)]


def _property(field: Field, nested: type | None) -> property:
    slot = f'_{field.name}'
    return property(
        lambda self: getattr(self, slot),
        make_setter(field, nested),
        doc=f"Message field '{field.name}'.",
    )


@functools.cache
def message_class(name: str) -> type[Message]:
    """Return the class of a message type given by its full name."""
    spec = definition(name)
    for field in spec.fields:
        if field.base == 'wstring':
            raise NotImplementedError(f'{name}.{field.name}: wstring fields')
    fields = [field for field in spec.fields if field.name != PLACEHOLDER]
    nested = {
        f.name: None if f.base in PRIMITIVES or f.base == 'string' else message_class(f.base)
        for f in fields
    }
    package, kind, short = name.split('/')
    namespace: dict[str, Any] = {
        '__slots__': tuple(f'_{field.name}' for field in fields),
        '__module__': f'{package}.{kind}',
        '__doc__': f'Interface {name}.',
        'TYPE_NAME': name,
        '_field_types': {field.name: idl_name(field) for field in fields},
        '_defaults': tuple((f'_{f.name}', _default(f, nested[f.name])) for f in fields),
    }
    for constant, base, value in spec.constants:
        namespace[constant] = bytes([value]) if base == 'byte' else value
    for field in fields:
        namespace[field.name] = _property(field, nested[field.name])
    return type(short, (Message,), namespace)


@functools.cache
def service_class(name: str) -> type:
    """Return the class of a service type, with ``Request`` and ``Response``."""
    if name not in SERVICES:
        raise KeyError(name)
    package, kind, short = name.split('/')
    return type(
        short,
        (),
        {
            '__module__': f'{package}.{kind}',
            '__doc__': f'Interface {name}.',
            'TYPE_NAME': name,
            'Request': message_class(f'{name}_Request'),
            'Response': message_class(f'{name}_Response'),
        },
    )
