"""Declaring, overriding and setting parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from rclpy.parameter import Parameter

FILE = """
/**:
  ros__parameters:
    common: 1
    nested: {deep: {value: true}}
/robot/arm:
  ros__parameters:
    common: 2
    gains: [1.0, 2.5]
other:
  ros__parameters:
    common: 9
"""


def test_declared_types_are_static(node: Any) -> None:
    node.declare_parameter('rate', 1.5)
    (result,) = node.set_parameters([Parameter('rate', value=2)])
    assert not result.successful and 'Wrong parameter type' in result.reason
    assert node.set_parameters([Parameter('rate', value=2.0)])[0].successful
    assert node.get_parameter('rate').value == 2.0
    with pytest.raises(ParameterAlreadyDeclaredException):
        node.declare_parameter('rate', 1.0)
    with pytest.raises(ParameterNotDeclaredException):
        node.get_parameter('unknown')
    with pytest.raises(ParameterNotDeclaredException):
        node.set_parameters([Parameter('unknown', value=1)])


def test_type_without_value(node: Any) -> None:
    node.declare_parameter('path', Parameter.Type.STRING)
    with pytest.raises(ParameterUninitializedException):
        node.get_parameter('path')
    assert node.set_parameters([Parameter('path', value='/x')])[0].successful


def test_ranges_and_read_only(node: Any) -> None:
    limits = [FloatingPointRange(from_value=0.0, to_value=1.0)]
    node.declare_parameter('part', 0.5, ParameterDescriptor(floating_point_range=limits))
    node.declare_parameter(
        'even',
        2,
        ParameterDescriptor(integer_range=[IntegerRange(from_value=0, to_value=10, step=2)]),
    )
    node.declare_parameter('fixed', 1, ParameterDescriptor(read_only=True))
    for name, value, reason in (
        ('part', 1.5, 'out of range'),
        ('even', 12, 'out of range'),
        ('even', 3, 'valid step'),
        ('fixed', 2, 'read-only'),
    ):
        (result,) = node.set_parameters([Parameter(name, value=value)])
        assert reason in result.reason
    with pytest.raises(InvalidParameterValueException):
        node.declare_parameter('bad', 2.0, ParameterDescriptor(floating_point_range=limits))
    assert not node.has_parameter('bad')


def test_callbacks_accept_refuse_and_learn(node: Any) -> None:
    learnt: list[str] = []

    def accept(parameters: list[Parameter]) -> SetParametersResult:
        return SetParametersResult(successful=parameters[0].value != 3, reason='three')

    node.declare_parameter('n', 1)
    node.add_on_set_parameters_callback(accept)
    node.add_post_set_parameters_callback(lambda ps: learnt.extend(p.name for p in ps))
    assert node.set_parameters([Parameter('n', value=3)])[0].reason == 'three'
    assert node.set_parameters([Parameter('n', value=4)])[0].successful
    assert learnt == ['n'] and node.get_parameter('n').value == 4


def test_overrides_of_files_and_arguments(ros: Any, tmp_path: Path) -> None:
    path = tmp_path / 'params.yaml'
    path.write_text(FILE)
    node = ros.create_node(
        'arm',
        namespace='robot',
        cli_args=[
            '--ros-args',
            '--params-file',
            str(path),
            '-p',
            'text:=hello',
            '-p',
            '/robot/arm:own:=7',
            '-p',
            '/other:own:=8',
            '-p',
            'big:=1e5',
        ],
    )
    assert node.declare_parameter('common', 0).value == 2
    assert node.declare_parameter('nested.deep.value', False).value is True
    assert node.declare_parameter('text', '').value == 'hello'
    assert node.declare_parameter('big', 0.0).value == 1e5
    assert list(node.declare_parameter('gains', [0.0]).value) == [1.0, 2.5]
    assert node.declare_parameter('unset', 'default').value == 'default'
    with pytest.raises(InvalidParameterTypeException):
        node.declare_parameter('own', 'text')
    node.destroy_node()


def test_a_list_of_mixed_types_is_refused(ros: Any, tmp_path: Path) -> None:
    path = tmp_path / 'params.yaml'
    path.write_text('/**:\n  ros__parameters: {gains: [1, 2.5]}\n')
    for words in (['--params-file', str(path)], ['-p', 'gains:=[1, 2.5]']):
        with pytest.raises(RuntimeError):
            ros.create_node('arm', cli_args=['--ros-args', *words])


def test_undeclared_and_automatic(ros: Any) -> None:
    node = ros.create_node(
        'free',
        allow_undeclared_parameters=True,
        automatically_declare_parameters_from_overrides=True,
        parameter_overrides=[Parameter('given', value=[1, 2])],
    )
    assert list(node.get_parameter('given').value) == [1, 2]
    assert node.get_parameter('other').type_ is Parameter.Type.NOT_SET
    assert node.set_parameters([Parameter('other', value='x')])[0].successful
    assert node.get_parameters_by_prefix('')['other'].value == 'x'
    node.destroy_node()


def test_values_keep_their_types_as_messages() -> None:
    for value in (True, 1, 1.5, 'a', [True], [1, 2], [1.5], ['a'], [b'\1'], None):
        parameter = Parameter('p', value=value)
        back = Parameter.from_parameter_msg(parameter.to_parameter_msg())
        assert back.type_ is parameter.type_
        assert (list(back.value) if isinstance(value, list) else back.value) == value
