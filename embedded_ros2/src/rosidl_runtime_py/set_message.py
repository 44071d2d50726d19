"""Setting the fields of messages from dictionaries."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from rosidl_embedded.definitions import Field, Form, definition
from rosidl_embedded.message import Message, message_class
from rosidl_embedded.primitives import PRIMITIVES


def set_message_fields(
    msg: Message,
    values: dict[str, Any],
    expand_header_auto: bool = False,
    expand_time_now: bool = False,
) -> None:
    """Set fields of a message; ``auto`` for a header and ``now`` for a time mean the present.

    Raises:
        AttributeError: The message has no such field.
        TypeError: A value does not fit.
    """
    if not isinstance(values, dict):
        raise TypeError(f"expected a dictionary of fields of '{msg.TYPE_NAME}', got '{values}'")
    fields = {field.name: field for field in definition(msg.TYPE_NAME).fields}
    for name, value in values.items():
        if name not in msg.get_fields_and_field_types():
            raise AttributeError(f"'{type(msg).__name__}' object has no attribute '{name}'")
        try:
            setattr(msg, name, _converted(fields[name], value))
        except AssertionError as error:
            raise TypeError(str(error)) from None


def _converted(field: Field, value: Any) -> Any:
    if field.form is Form.SCALAR:
        return _single(field, value)
    items = [_single(field, item) for item in value]
    primitive = PRIMITIVES.get(field.base)
    if field.form is Form.ARRAY and primitive and primitive.dtype:
        return np.array(items, dtype=primitive.dtype)
    return items


def _single(field: Field, value: Any) -> Any:
    if field.base == 'string':
        return value if isinstance(value, str) else str(value)
    primitive = PRIMITIVES.get(field.base)
    if primitive is not None:
        if primitive.python is float and isinstance(value, (int, str)):
            return float(value)
        return bytes([value]) if primitive.python is bytes and isinstance(value, int) else value
    if field.base == 'builtin_interfaces/msg/Time' and value == 'now':
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        value = {'sec': seconds, 'nanosec': nanoseconds}
    elif field.base == 'std_msgs/msg/Header' and value == 'auto':
        value = {'stamp': 'now'}
    nested = message_class(field.base)()
    set_message_fields(nested, value)
    return nested
