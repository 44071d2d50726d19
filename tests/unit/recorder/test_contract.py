"""The contract: what is read, and that every mistake is named."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from recorder_node.contract.contract_file import load, parse
from recorder_node.errors import ContractError
from tests.conftest import REPOSITORY, small_contract

GOOD = {
    'version': 1,
    'robot_type': 'so_follower',
    'features': {
        'action': {'topic': '/a', 'type': 'sensor_msgs/msg/JointState', 'joints': ['x', 'y']},
        'observation.images.top': {
            'topic': '/c',
            'type': 'sensor_msgs/msg/Image',
            'shape': [480, 640, 3],
        },
    },
}


def changed(feature: str, **values: object) -> dict:
    document = copy.deepcopy(GOOD)
    document['features'].setdefault(feature, {}).update(values)
    return document


def test_the_shipped_contract_is_good() -> None:
    contract = load(REPOSITORY / 'config' / 'so101.yaml')
    assert [f.name for f in contract.features][:2] == ['action', 'observation.state']
    assert contract.features[0].names[0] == 'shoulder_pan.pos'
    assert [f.shape for f in contract.cameras] == [(480, 640, 3)] * 2


def test_defaults_come_from_the_message_type() -> None:
    contract = parse(
        {
            'version': 1,
            'robot_type': 'x',
            'features': {
                'action': {
                    'topic': '/cmd',
                    'type': 'std_msgs/msg/Float64MultiArray',
                    'names': ['a', 'b', 'c'],
                },
                'observation.base': {
                    'topic': '/v',
                    'type': 'geometry_msgs/msg/Twist',
                    'fields': ['linear.x', 'angular.z'],
                },
                'observation.effort': {
                    'topic': '/j',
                    'type': 'sensor_msgs/msg/JointState',
                    'field': 'effort',
                    'joints': ['j1'],
                },
                'next.reward': {'topic': '/r', 'type': 'std_msgs/msg/Float32'},
            },
        }
    )
    by_name = {f.name: f for f in contract.features}
    assert by_name['action'].shape == (3,)
    assert by_name['action'].sources[0].stamp == 'receive'
    assert by_name['observation.base'].names == ('linear.x', 'angular.z')
    assert by_name['observation.effort'].names == ('j1.eff',)
    assert by_name['next.reward'].shape == (1,)


def test_two_arms_are_joined_in_order() -> None:
    arm = {'type': 'sensor_msgs/msg/JointState', 'joints': ['pan', 'lift']}
    contract = parse(
        {
            'version': 1,
            'robot_type': 'x',
            'features': {
                'observation.state': {
                    'names': ['left_pan.pos', 'left_lift.pos', 'right_pan.pos', 'right_lift.pos'],
                    'sources': [{'topic': '/left/j', **arm}, {'topic': '/right/j', **arm}],
                }
            },
        }
    )
    feature = contract.features[0]
    assert feature.shape == (4,)
    assert [s.topic for s in feature.sources] == ['/left/j', '/right/j']


@pytest.mark.parametrize(
    ('feature', 'values', 'words'),
    [
        ('action', {'topic': 'a'}, 'absolute name'),
        ('action', {'type': 'sensor_msgs/msg/Joint'}, "type is 'sensor_msgs/msg/Joint'"),
        ('action', {'joints': []}, 'list of names'),
        ('action', {'joints': ['x', 'x']}, 'not unique'),
        ('action', {'align': 'best'}, "align is 'best'"),
        ('action', {'units': 'furlong'}, "units is 'furlong'"),
        ('action', {'max_age_s': 0}, 'max_age_s is 0'),
        ('action', {'latency_s': 'soon'}, "latency_s is 'soon'"),
        ('action', {'topics': '/b'}, 'unknown key "topics"'),
        ('action', {'names': ['x']}, 'list of 2'),
        ('action', {'dtype': 'float64'}, 'float32'),
        ('action.gripper', {'topic': '/g', 'type': 'std_msgs/msg/Float32'}, 'policy output'),
        ('observation.imagery', {'topic': '/g', 'type': 'std_msgs/msg/Float32'}, '"image"'),
        ('a/b', {'topic': '/g', 'type': 'std_msgs/msg/Float32'}, 'slashes'),
        ('../up', {'topic': '/g', 'type': 'std_msgs/msg/Float32'}, 'slashes'),
        ('timestamp', {'topic': '/g', 'type': 'std_msgs/msg/Float32'}, 'index column'),
        ('reward', {'topic': '/g', 'type': 'std_msgs/msg/Float32', 'stamp': 'header'}, 'no header'),
        ('note', {'topic': '/g', 'type': 'std_msgs/msg/String', 'dtype': 'bool'}, 'string'),
        ('note', {'topic': '/g', 'type': 'std_msgs/msg/String', 'names': ['a']}, 'for numbers'),
        ('task', {'topic': '/g', 'type': 'std_msgs/msg/Float32'}, 'task of every row'),
        ('x' * 201, {'topic': '/g', 'type': 'std_msgs/msg/Float32'}, '200 bytes'),
        ('..', {'topic': '/g', 'type': 'std_msgs/msg/Float32'}, 'dot'),
        ('done', {'session': 'finished'}, "session is 'finished'"),
        ('done', {'session': 'done', 'dtype': 'bool'}, 'no meaning beside session'),
        ('m', {'topic': '/g', 'type': 'std_msgs/msg/Int8MultiArray'}, 'names, shape or width'),
        ('m', {'topic': '/g', 'type': 'std_msgs/msg/Int8', 'shape': [1] * 6}, 'one to five axes'),
        ('m', {'topic': '/g', 'type': 'std_msgs/msg/Int8', 'shape': []}, 'one to five axes'),
        ('m', {'topic': '/g', 'type': 'std_msgs/msg/Int8', 'align': 'linear'}, 'fractions'),
        ('m', {'topic': '/g', 'type': 'std_msgs/msg/Int8', 'dtype': 'float16'}, 'float16'),
        ('m', {'topic': '/g', 'type': 'std_msgs/msg/Int8', 'depth': {}}, 'belongs to a camera'),
        ('action', {'shape': [2, 1]}, 'as a vector'),
        ('observation.images.top', {'depth': {'unit': 'm'}}, 'height, width, 1'),
        ('observation.images.top', {'shape': [4, 4, 1], 'depth': {'unit': 'ft'}}, "unit is 'ft'"),
        ('observation.images.top', {'shape': [4, 4, 1], 'depth': {'min_m': 11}}, 'min_m < max_m'),
        ('observation.images.top', {'shape': [480, 640]}, 'needs [height, width, 3]'),
        ('observation.images.top', {'shape': [481, 640, 3]}, 'even'),
        ('observation.images.top', {'align': 'linear'}, 'numbers only'),
    ],
)
def test_each_mistake_is_named(feature: str, values: dict, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse(changed(feature, **values))
    assert len(caught.value.problems) == 1
    assert feature in caught.value.problems[0]
    assert words in caught.value.problems[0]


def test_all_mistakes_are_listed_at_once() -> None:
    document = changed('action', align='best', max_age_s=-1)
    document['version'] = 7
    document['colour'] = 'red'
    del document['robot_type']
    with pytest.raises(ContractError) as caught:
        parse(document)
    text = str(caught.value)
    for word in ('align', 'max_age_s', 'version is 7', '"colour"', 'robot_type'):
        assert word in text


def test_files_that_are_missing_broken_or_ambiguous(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match='No such file'):
        load(tmp_path / 'none.yaml')
    broken = tmp_path / 'broken.yaml'
    broken.write_text('features: [')
    with pytest.raises(ContractError, match='not YAML'):
        load(broken)
    twice = tmp_path / 'twice.yaml'
    twice.write_text('version: 1\nfeatures:\n  action: {}\n  action: {}\n')
    with pytest.raises(ContractError, match='duplicate key "action"'):
        load(twice)


def test_cameras_are_chosen_by_name() -> None:
    contract = small_contract(cameras=2)
    assert [f.name for f in contract.with_cameras(('cam1',)).cameras] == ['observation.images.cam1']
    assert not contract.with_cameras(()).cameras
    with pytest.raises(ContractError, match='it has cam0, cam1'):
        contract.with_cameras(('cam7',))


def test_fps_above_a_camera_is_refused() -> None:
    small_contract().check_fps(30)
    with pytest.raises(ContractError, match='set fps:=30 or less'):
        small_contract().check_fps(60)
