"""The embedded runtime's CDR form of messages, with rosbags' serializer as the reference."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest

from tests.embedded.runtime import STRING_HASH

pytest.importorskip('rosidl_embedded', reason='a part of the embedded runtime')

from rosidl_embedded.cdr import CdrError, deserialize, serialize
from rosidl_embedded.definitions import (
    PLACEHOLDER,
    Form,
    definition,
    distribution,
    type_hash,
    typestore,
)
from rosidl_embedded.message import Message, message_class
from rosidl_embedded.primitives import PRIMITIVES

MESSAGES = sorted(name for name in typestore().fielddefs if '/msg/' in name)


def sample(name: str, depth: int = 0) -> Message:
    """Return a message in which no two neighbouring values are alike."""
    message = message_class(name)()
    for index, field in enumerate(definition(name).fields):
        if field.name == PLACEHOLDER:
            continue
        primitive = PRIMITIVES.get(field.base)
        count = field.size if field.form is Form.ARRAY else min(field.size or 3, 3)
        values: list[Any]
        if field.base == 'string':
            values = [f'té{index}{i}' for i in range(count or 3)]
        elif primitive is None:
            values = [sample(field.base, depth + 1) for _ in range(count or 1)]
        elif primitive.python is bool:
            values = [i % 2 == 0 for i in range(count or 1)]
        elif primitive.python is bytes:
            values = [bytes([index + 1])] * (count or 1)
        else:
            values = [primitive.python(index + i + 1) for i in range(count or 1)]
        setattr(message, field.name, values[0] if field.form is Form.SCALAR else values)
    return message


def as_rosbags(message: Message) -> Any:
    """Return the rosbags object with the same contents."""
    fields = definition(message.TYPE_NAME).fields
    values = {}
    for field in fields:
        if field.name == PLACEHOLDER:
            values[field.name] = 0
            continue
        value = getattr(message, field.name)
        if isinstance(value, Message):
            value = as_rosbags(value)
        elif isinstance(value, bytes):
            value = value[0]
        elif isinstance(value, array):
            value = np.array(value)
        elif isinstance(value, list) and value and isinstance(value[0], Message):
            value = [as_rosbags(item) for item in value]
        elif field.base == 'byte' or (field.base == 'bool' and field.form is not Form.SCALAR):
            items = [item[0] if field.base == 'byte' else item for item in value]
            value = np.array(items, dtype=np.uint8 if field.base == 'byte' else bool)
        values[field.name] = value
    return typestore().types[message.TYPE_NAME](**values)


@pytest.mark.parametrize('name', MESSAGES)
@pytest.mark.parametrize('filled', [True, False], ids=['filled', 'empty'])
def test_cdr_equals_reference(name: str, filled: bool) -> None:
    message = sample(name) if filled else message_class(name)()
    data = serialize(message)
    reference = bytes(typestore().serialize_cdr(as_rosbags(message), name, little_endian=True))
    assert data[: len(reference)] == reference
    assert len(data) - len(reference) == -len(reference) % 4
    assert deserialize(data, name) == message


def test_truncated_data_are_refused() -> None:
    data = serialize(sample('sensor_msgs/msg/JointState'))
    for end in range(4, len(data) - 4, 4):
        with pytest.raises(CdrError):
            deserialize(data[:end], 'sensor_msgs/msg/JointState')
    with pytest.raises(CdrError, match='little-endian'):
        deserialize(b'\0\0\0\0' + data[4:], 'sensor_msgs/msg/JointState')


@pytest.mark.skipif(distribution() == 'humble', reason='Humble has no type hashes')
def test_hashes_are_those_of_ros() -> None:
    assert type_hash('std_msgs/msg/String') == STRING_HASH
    assert type_hash('std_srvs/srv/Trigger') is not None
