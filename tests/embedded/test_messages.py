"""Message classes: what rosidl generates."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest


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
    message.position = array('d', [2.0])
    assert '_position' in JointState.__slots__
    assert message != JointState() and message == JointState(name=['a'], position=[2.0])


REFUSED = """
from array import array
import numpy as np
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import Float64, String, UInt8

info = CameraInfo()
attempts = {
    'text for texts': lambda: JointState(name='text'),
    'number for a text': lambda: JointState(name=[1]),
    'whole numbers': lambda: JointState(position=[1]),
    'array of another type': lambda: JointState(position=array('f')),
    'nothing for a message': lambda: JointState(header=None),
    'unknown field': lambda: String(text='x'),
    'whole number': lambda: Float64(data=1),
    'too large': lambda: UInt8(data=256),
    'fraction': lambda: UInt8(data=1.0),
    'too few': lambda: CameraInfo(k=[1.0]),
    'dtype': lambda: CameraInfo(k=np.zeros(9, dtype=np.float32)),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except (AssertionError, TypeError):
        continue
    print('accepted:', name)
print('done')
"""


def test_wrong_types_are_refused(process: Any) -> None:
    """Genuine ROS 2 looks since Jazzy only when it is told to; the embedded one always does."""
    child = process(REFUSED, ROS_PYTHON_CHECK_FIELDS='1')
    assert child.communicate(timeout=30)[0] == 'done\n'


def test_setters_copy() -> None:
    from sensor_msgs.msg import CameraInfo, JointState

    values, matrix = array('d', [2.0]), np.arange(9.0)
    message, info = JointState(position=values), CameraInfo(k=matrix)
    message.velocity = values
    values[0] = matrix[0] = 5.0
    assert message.position == message.velocity == array('d', [2.0])
    assert info.k[0] == 0.0


def test_constants_and_defaults() -> None:
    from diagnostic_msgs.msg import DiagnosticStatus
    from geometry_msgs.msg import Quaternion

    assert DiagnosticStatus.WARN == b'\x01' and DiagnosticStatus().level == b'\x00'
    assert Quaternion().w == 1.0


def test_fixed_arrays_are_numpy() -> None:
    from sensor_msgs.msg import CameraInfo

    info = CameraInfo(k=[float(i) for i in range(9)])
    assert isinstance(info.k, np.ndarray) and info.k[8] == 8.0


def test_image_data_accept_bytes_and_arrays() -> None:
    from sensor_msgs.msg import Image

    for data in (b'\1\2', bytearray(b'\1\2'), array('B', [1, 2]), [1, 2]):
        assert Image(data=data).data == array('B', [1, 2])


def test_unknown_interfaces_are_import_errors() -> None:
    with pytest.raises(ImportError, match='NoSuchType'):
        from std_msgs.msg import NoSuchType  # noqa: F401
    import std_srvs.srv

    assert 'Trigger' in dir(std_srvs.srv)
