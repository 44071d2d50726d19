"""Message classes and their CDR form, with rosbags' serializer as the reference."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest
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


def test_joint_state_has_the_interface_of_rosidl() -> None:
    from sensor_msgs.msg import JointState

    assert JointState.get_fields_and_field_types() == {
        'header': 'std_msgs/Header',
        'name': 'sequence<string>',
        'position': 'sequence<double>',
        'velocity': 'sequence<double>',
        'effort': 'sequence<double>',
    }
    message = JointState(name=['a'], position=[1.5])
    assert message.position == array('d', [1.5])
    assert repr(message).startswith('sensor_msgs.msg.JointState(header=std_msgs.msg.Header(stamp=')
    assert "name=['a'], position=[1.5], velocity=[], effort=[])" in repr(message)
    values = array('d', [2.0])
    message.position = values
    assert message.position is values
    assert '_position' in JointState.__slots__
    assert message != JointState() and message == JointState(name=['a'], position=[2.0])


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('name', 'text'),
        ('name', [1]),
        ('position', [1]),
        ('position', array('f')),
        ('position', np.zeros(2)),
        ('header', None),
    ],
)
def test_wrong_types_are_refused(field: str, value: Any) -> None:
    from sensor_msgs.msg import JointState

    with pytest.raises(AssertionError, match=field):
        setattr(JointState(), field, value)


def test_constructor_refuses_unknown_fields() -> None:
    from std_msgs.msg import String

    with pytest.raises(AssertionError, match='Invalid arguments'):
        String(text='x')


def test_scalars_are_checked() -> None:
    from diagnostic_msgs.msg import DiagnosticStatus
    from geometry_msgs.msg import Quaternion
    from std_msgs.msg import Float64, UInt8

    assert DiagnosticStatus.WARN == b'\x01' and DiagnosticStatus().level == b'\x00'
    assert Quaternion().w == 1.0
    for cls, value in ((Float64, 1), (UInt8, 256), (UInt8, 1.0)):
        with pytest.raises(AssertionError):
            cls(data=value)


def test_fixed_arrays_are_numpy() -> None:
    from sensor_msgs.msg import CameraInfo

    info = CameraInfo(k=[float(i) for i in range(9)])
    assert isinstance(info.k, np.ndarray) and info.k[8] == 8.0
    with pytest.raises(AssertionError, match='length 9'):
        info.k = [1.0]
    with pytest.raises(AssertionError, match='dtype'):
        info.k = np.zeros(9, dtype=np.float32)


def test_image_data_accept_bytes_and_arrays() -> None:
    from sensor_msgs.msg import Image

    for data in (b'\1\2', bytearray(b'\1\2'), array('B', [1, 2]), [1, 2]):
        assert Image(data=data).data == array('B', [1, 2])


@pytest.mark.skipif(distribution() == 'humble', reason='Humble has no type hashes')
def test_hashes_are_those_of_ros() -> None:
    assert type_hash('std_msgs/msg/String') == (
        'RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18'
    )
    assert type_hash('std_srvs/srv/Trigger') is not None


def test_unknown_interfaces_are_import_errors() -> None:
    with pytest.raises(ImportError, match='NoSuchType'):
        from std_msgs.msg import NoSuchType  # noqa: F401
    import std_srvs.srv

    assert 'Trigger' in dir(std_srvs.srv)
