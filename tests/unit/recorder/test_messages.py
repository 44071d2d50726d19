"""Messages to values, with plain objects in place of ROS messages."""

from __future__ import annotations

from types import SimpleNamespace as Message

import numpy as np
import pytest

from recorder_node.contract.contract_file import parse
from recorder_node.errors import ContractError, StreamError
from recorder_node.streams.messages import Units, extractor, load_units
from tests.conftest import JOINTS, REPOSITORY


def header(sec: int = 5, nanosec: int = 7, frame_id: str = '') -> Message:
    return Message(stamp=Message(sec=sec, nanosec=nanosec), frame_id=frame_id)


def read(entry: dict, message: Message, units: Units | None = None) -> object:
    contract = parse({'version': 1, 'robot_type': 'x', 'features': {'f': entry}})
    feature = contract.features[0]
    return extractor(feature, feature.sources[0], units or Units('degrees'))(message)


JOINT_ENTRY = {'topic': '/j', 'type': 'sensor_msgs/msg/JointState', 'joints': ['b', 'a']}


def joint_state(**fields: object) -> Message:
    return Message(
        **{
            'header': header(),
            'name': ['r_x', 'a', 'b'],
            'position': [1.0, 2.0, 3.0],
            'velocity': [],
            'effort': [],
            **fields,
        }
    )


def test_joints_are_found_by_name_in_any_order() -> None:
    reading = read(JOINT_ENTRY, joint_state())
    assert reading.value.tolist() == [3.0, 2.0]
    assert reading.stamp_ns == 5_000_000_007


def test_the_receive_stamp_is_used_when_asked() -> None:
    assert read({**JOINT_ENTRY, 'stamp': 'receive'}, joint_state()).stamp_ns is None


@pytest.mark.parametrize(
    ('fields', 'words'),
    [
        ({'name': ['a', 'c', 'd']}, 'no joint b in the message; it has a, c, d'),
        ({'position': [1.0, 2.0]}, '2 values of pos for 3 joint names'),
        ({'position': [1.0, float('nan'), 3.0]}, 'not finite'),
        ({'header': header(0, 0)}, 'stamp is zero'),
    ],
)
def test_what_does_not_fit_is_named(fields: dict, words: str) -> None:
    with pytest.raises(StreamError, match='/j'):
        read(JOINT_ENTRY, joint_state(**fields))
    with pytest.raises(StreamError) as caught:
        read(JOINT_ENTRY, joint_state(**fields))
    assert words in str(caught.value)


def test_units_of_joints() -> None:
    degrees = read({**JOINT_ENTRY, 'units': 'degrees'}, joint_state(position=[0, np.pi, -np.pi]))
    assert degrees.value.tolist() == pytest.approx([-180.0, 180.0])
    entry = {
        'topic': '/j',
        'type': 'sensor_msgs/msg/JointState',
        'joints': list(JOINTS),
        'units': 'lerobot',
    }
    message = Message(header=header(), name=list(JOINTS), position=[0.5] * 5 + [1.74533])
    lerobot = read(entry, message, Units('degrees'))
    assert lerobot.value.tolist() == pytest.approx([np.degrees(0.5)] * 5 + [100.0], abs=1e-3)


def test_per_cent_needs_a_calibration() -> None:
    contract = parse(
        {
            'version': 1,
            'robot_type': 'x',
            'features': {
                'f': {
                    'topic': '/j',
                    'type': 'sensor_msgs/msg/JointState',
                    'joints': list(JOINTS),
                    'units': 'lerobot',
                }
            },
        }
    )
    with pytest.raises(ContractError, match='calibration'):
        load_units('range_m100_100', '', contract)
    with pytest.raises(ContractError, match='nowhere'):
        load_units('range_m100_100', '/nowhere.json', contract)
    path = REPOSITORY / 'config' / 'sim' / 'follower.json'
    assert load_units('range_m100_100', str(path), contract).calibration is not None


def test_other_message_types() -> None:
    point = Message(positions=[1.0, 2.0, 3.0], velocities=[], effort=[])
    trajectory = Message(header=header(), joint_names=['a', 'x', 'b'], points=[point])
    entry = {**JOINT_ENTRY, 'type': 'trajectory_msgs/msg/JointTrajectory'}
    assert read(entry, trajectory).value.tolist() == [3.0, 1.0]
    with pytest.raises(StreamError, match='without points'):
        read(entry, Message(header=header(), joint_names=['a', 'x', 'b'], points=[]))

    array = {'topic': '/m', 'type': 'std_msgs/msg/Float64MultiArray', 'names': ['a', 'b']}
    assert read(array, Message(data=[1.0, 2.0])).value.tolist() == [1.0, 2.0]
    with pytest.raises(StreamError, match='3 values'):
        read(array, Message(data=[1.0, 2.0, 3.0]))

    vector = Message(x=1.0, y=2.0, z=3.0)
    twist = {'topic': '/t', 'type': 'geometry_msgs/msg/Twist', 'fields': ['angular.z', 'linear.x']}
    assert read(twist, Message(linear=vector, angular=vector)).value.tolist() == [3.0, 1.0]
    flag = {'topic': '/b', 'type': 'std_msgs/msg/Bool', 'dtype': 'bool'}
    assert read(flag, Message(data=True)).value.tolist() == [1.0]
