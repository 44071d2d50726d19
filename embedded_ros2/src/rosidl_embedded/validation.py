"""Setters that hold message fields to their types, as rosidl's do: AssertionError otherwise."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence, Set
from typing import Any

import numpy as np

from rosidl_embedded.definitions import Field, Form
from rosidl_embedded.primitives import PRIMITIVES

Setter = Callable[[Any, Any], None]


def element_check(field: Field, nested: type | None) -> tuple[Callable[[Any], bool], str]:
    """Return a predicate for single values of a field and the words for what it accepts."""
    if nested is not None:
        return (lambda v: isinstance(v, nested)), f"a sub message of type '{nested.__name__}'"
    if field.base == 'string':
        bound = field.string_bound
        if bound:
            return (lambda v: isinstance(v, str) and len(v) <= bound), f'str of at most {bound}'
        return (lambda v: isinstance(v, str)), "of type 'str'"
    primitive = PRIMITIVES[field.base]
    if primitive.python is bool:
        return (lambda v: isinstance(v, bool)), "of type 'bool'"
    if primitive.python is bytes:
        return (lambda v: isinstance(v, bytes) and len(v) == 1), "of type 'bytes' of length 1"
    if primitive.python is float:
        kind = np.float32 if primitive.size == 4 else float
        return (lambda v: isinstance(v, (float, kind))), "of type 'float'"
    low, high = primitive.low or 0, primitive.high or 0
    words = f'an integer in [{low}, {high}]'
    return (lambda v: isinstance(v, (int, np.integer)) and bool(low <= v <= high)), words


def make_setter(field: Field, nested: type | None) -> Setter:
    """Return the property setter of a field; nested is its message class if it has one."""
    if field.form is Form.SCALAR:
        return _scalar_setter(field, nested)
    primitive = PRIMITIVES.get(field.base)
    if primitive is None or primitive.array is None:
        return _list_setter(field, nested)
    return _numpy_setter(field) if field.form is Form.ARRAY else _array_setter(field)


def _scalar_setter(field: Field, nested: type | None) -> Setter:
    slot = f'_{field.name}'
    accepts, words = element_check(field, nested)

    def set_scalar(self: Any, value: Any) -> None:
        assert accepts(value), f"The '{field.name}' field must be {words}"
        setattr(self, slot, value)

    return set_scalar


def _checked_sequence(field: Field, value: Any, accepts: Callable[[Any], bool], words: str) -> Any:
    size = field.size
    fits = not size or (len(value) == size if field.form is Form.ARRAY else len(value) <= size)
    limit = '' if not size else f' and length {"" if field.form is Form.ARRAY else "<= "}{size}'
    assert (
        isinstance(value, (Sequence, Set, array))
        and not isinstance(value, str)
        and fits
        and all(map(accepts, value))
    ), f"The '{field.name}' field must be a set or sequence{limit}, each value {words}"
    return value


def _list_setter(field: Field, nested: type | None) -> Setter:
    slot = f'_{field.name}'
    accepts, words = element_check(field, nested)

    def set_list(self: Any, value: Any) -> None:
        setattr(self, slot, list(_checked_sequence(field, value, accepts, words)))

    return set_list


def _array_setter(field: Field) -> Setter:
    slot = f'_{field.name}'
    primitive = PRIMITIVES[field.base]
    typecode = primitive.array or ''
    accepts, words = element_check(field, None)
    bytes_like = primitive.code == 'B'

    def set_array(self: Any, value: Any) -> None:
        if isinstance(value, array):
            assert value.typecode == typecode, (
                f"The '{field.name}' array.array() must have the type code of '{typecode}'"
            )
            assert not field.size or len(value) <= field.size, (
                f"The '{field.name}' array.array() must have a size <= {field.size}"
            )
        else:
            if not (bytes_like and isinstance(value, (bytes, bytearray))):
                _checked_sequence(field, value, accepts, words)
        # A copy: who goes on filling his own array does not change the message.
        setattr(self, slot, array(typecode, value))

    return set_array


def _numpy_setter(field: Field) -> Setter:
    slot = f'_{field.name}'
    dtype = np.dtype(PRIMITIVES[field.base].dtype)
    accepts, words = element_check(field, None)

    def set_numpy(self: Any, value: Any) -> None:
        if isinstance(value, np.ndarray):
            assert value.dtype == dtype, (
                f"The '{field.name}' numpy.ndarray() must have the dtype of '{dtype}'"
            )
            assert value.size == field.size, (
                f"The '{field.name}' numpy.ndarray() must have a size of {field.size}"
            )
        else:
            _checked_sequence(field, value, accepts, words)
        setattr(self, slot, np.array(value, dtype=dtype))

    return set_numpy
