"""Parameters: named values of nodes."""

from __future__ import annotations

import enum
from array import array
from collections.abc import Mapping
from typing import Any

import yaml

from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterType, ParameterValue
from rclpy._arguments import load_yaml, read_parameter_file

PARAMETER_SEPARATOR_STRING = '.'


class Parameter:
    """A name, a type and a value."""

    class Type(enum.IntEnum):
        """Types of parameter values."""

        NOT_SET = ParameterType.PARAMETER_NOT_SET
        BOOL = ParameterType.PARAMETER_BOOL
        INTEGER = ParameterType.PARAMETER_INTEGER
        DOUBLE = ParameterType.PARAMETER_DOUBLE
        STRING = ParameterType.PARAMETER_STRING
        BYTE_ARRAY = ParameterType.PARAMETER_BYTE_ARRAY
        BOOL_ARRAY = ParameterType.PARAMETER_BOOL_ARRAY
        INTEGER_ARRAY = ParameterType.PARAMETER_INTEGER_ARRAY
        DOUBLE_ARRAY = ParameterType.PARAMETER_DOUBLE_ARRAY
        STRING_ARRAY = ParameterType.PARAMETER_STRING_ARRAY

        @classmethod
        def from_parameter_value(cls, parameter_value: Any) -> Parameter.Type:
            """Return the type of a Python value; raise TypeError when it has none."""
            for kind, python in _SCALARS.items():
                if type(parameter_value) is python:
                    return cls[kind]
            if isinstance(parameter_value, (list, tuple, array)):
                if isinstance(parameter_value, array):
                    return (
                        cls.DOUBLE_ARRAY if parameter_value.typecode in 'fd' else cls.INTEGER_ARRAY
                    )
                for kind, element in _ARRAYS.items():
                    if all(type(v) is element for v in parameter_value):
                        return cls[kind]
            raise TypeError(
                f"The given value is not one of the allowed types '{parameter_value!r}'."
            )

        def check(self, parameter_value: Any) -> bool:
            """Return whether a Python value has this type."""
            if self.name in _SCALARS:
                return type(parameter_value) is _SCALARS[self.name]
            if isinstance(parameter_value, array):
                return self.from_parameter_value(parameter_value) is self
            return isinstance(parameter_value, (list, tuple)) and all(
                type(v) is _ARRAYS[self.name] for v in parameter_value
            )

    @classmethod
    def from_parameter_msg(cls, param_msg: ParameterMsg) -> Parameter:
        """Return the parameter in a message."""
        return cls(
            param_msg.name,
            cls.Type(param_msg.value.type),
            parameter_value_to_python(param_msg.value),
        )

    @classmethod
    def from_rcl_interface_descriptor(cls, descriptor: Any) -> Parameter:
        """Refuse: descriptors carry no value."""
        raise NotImplementedError('Parameter.from_rcl_interface_descriptor')

    def __init__(self, name: str, type_: Any = None, value: Any = None) -> None:
        if type_ is None:
            type_ = self.Type.from_parameter_value(value)
        if not isinstance(type_, self.Type):
            raise TypeError("type must be an instance of 'Parameter.Type'")
        if not type_.check(value):
            raise ValueError(f"Type '{type_}' and value '{value!r}' do not agree")
        self._name = name
        self._type = type_
        self._value = value

    @property
    def name(self) -> str:
        """Name."""
        return self._name

    @property
    def type_(self) -> Parameter.Type:
        """Type."""
        return self._type

    @property
    def value(self) -> Any:
        """Value."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parameter) and (
            (self._name, self._type, self._value) == (other._name, other._type, other._value)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'Parameter(name={self._name!r}, type_={self._type.name}, value={self._value!r})'

    def get_parameter_value(self) -> ParameterValue:
        """Return the value as a message."""
        message = ParameterValue(type=int(self._type))
        if self._type is not Parameter.Type.NOT_SET:
            setattr(message, f'{self._type.name.lower()}_value', self._value)
        return message

    def to_parameter_msg(self) -> ParameterMsg:
        """Return the parameter as a message."""
        return ParameterMsg(name=self._name, value=self.get_parameter_value())


_SCALARS: dict[str, type] = {
    'NOT_SET': type(None),
    'BOOL': bool,
    'INTEGER': int,
    'DOUBLE': float,
    'STRING': str,
}
_ARRAYS: dict[str, type] = {
    'BYTE_ARRAY': bytes,
    'BOOL_ARRAY': bool,
    'INTEGER_ARRAY': int,
    'DOUBLE_ARRAY': float,
    'STRING_ARRAY': str,
}


def parameter_value_to_python(parameter_value: ParameterValue) -> Any:
    """Return the value in a message."""
    kind = Parameter.Type(parameter_value.type)
    if kind is Parameter.Type.NOT_SET:
        return None
    return getattr(parameter_value, f'{kind.name.lower()}_value')


def get_parameter_value(string_value: str) -> ParameterValue:
    """Return the value that a text means in YAML, as a message."""
    try:
        value = load_yaml(string_value)
    except yaml.YAMLError:
        value = string_value
    try:
        return Parameter('', value=value).get_parameter_value()
    except TypeError:
        return Parameter('', value=string_value).get_parameter_value()


def parameter_dict_from_yaml_file(
    parameter_file: str,
    use_wildcard: bool = False,
    target_nodes: list[str] | None = None,
    namespace: str = '',
) -> dict[str, ParameterMsg]:
    """Return the parameters of a file by name; those of the target nodes if they are named."""
    wanted = None if target_nodes is None else {name.lstrip('/') for name in target_nodes}
    values: dict[str, Any] = {}
    for pattern, parameters in read_parameter_file(parameter_file):
        if '*' in pattern and not use_wildcard:
            continue
        if wanted is None or '*' in pattern or pattern.lstrip('/') in wanted:
            values.update(parameters)
    return {
        name: Parameter(f'{namespace}{name}', value=value).to_parameter_msg()
        for name, value in values.items()
    }


def as_parameters(values: Mapping[str, Any]) -> dict[str, Parameter]:
    """Return parameters for values read from YAML."""
    return {name: Parameter(name, value=value) for name, value in values.items()}
