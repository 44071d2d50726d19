"""Exceptions that rclpy raises."""

from __future__ import annotations

from typing import Any


class ROSInterruptException(Exception):
    """An operation was interrupted because the context was shut down."""

    def __init__(self) -> None:
        super().__init__('rclpy.shutdown() has been called')


class NotInitializedException(Exception):
    """The context is not initialized."""

    def __init__(self, *args: object) -> None:
        super().__init__('rclpy.init() has not been called', *args)


class InvalidHandle(Exception):
    """An entity was used after its destruction."""


class NoTypeSupportImportedException(Exception):
    """A type is not a ROS interface."""


class TimerCancelledError(Exception):
    """A timer was cancelled."""


class RemapError(Exception):
    """A remapping rule is malformed."""


class RCLError(RuntimeError):
    """An operation of the layer below failed."""


class UnknownROSArgsError(RCLError):
    """Arguments after --ros-args are unknown or malformed."""


class NameValidationException(Exception):
    """A name is invalid; the text marks the first bad character."""

    def __init__(self, name_type: str, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__(
            f"Invalid {name_type}: {error_msg}:\n  '{name}'\n   {' ' * invalid_index}^"
        )
        self.name_type = name_type
        self.name = name
        self.error_msg = error_msg
        self.invalid_index = invalid_index


class InvalidNamespaceException(NameValidationException):
    """A namespace is invalid."""

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__('namespace', name, error_msg, invalid_index)


class InvalidNodeNameException(NameValidationException):
    """A node name is invalid."""

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__('node name', name, error_msg, invalid_index)


class InvalidTopicNameException(NameValidationException):
    """A topic name is invalid."""

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__('topic name', name, error_msg, invalid_index)


class InvalidServiceNameException(NameValidationException):
    """A service name is invalid."""

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__('service name', name, error_msg, invalid_index)


class ParameterException(Exception):
    """Base of the parameter exceptions."""

    def __init__(self, error_msg: str, parameters: Any, *args: object) -> None:
        super().__init__(f'{error_msg}: {parameters}', *args)
        self.error_msg = error_msg
        self.parameters = parameters


class ParameterNotDeclaredException(ParameterException):
    """A parameter was used before its declaration."""

    def __init__(self, parameters: Any, *args: object) -> None:
        super().__init__('Invalid access to undeclared parameter(s)', parameters, *args)


class ParameterAlreadyDeclaredException(ParameterException):
    """A parameter was declared twice."""

    def __init__(self, parameters: Any, *args: object) -> None:
        super().__init__('Parameter(s) already declared', parameters, *args)


class InvalidParameterException(ParameterException):
    """A parameter name is invalid."""

    def __init__(self, parameter: Any, *args: object) -> None:
        super().__init__('Invalid parameter name', parameter, *args)


class InvalidParameterTypeException(ParameterException):
    """A parameter value has another type than the declared one."""

    def __init__(self, desired_parameter: Any, expected_type: Any, *args: object) -> None:
        super().__init__(
            f'Trying to set parameter {desired_parameter.name!r} to {desired_parameter.value!r} '
            f'of type {desired_parameter.type_.name}, expecting type {expected_type}',
            desired_parameter.name,
            *args,
        )
        self.desired_parameter = desired_parameter
        self.expected_type = expected_type


class InvalidParameterValueException(ParameterException):
    """A parameter value was refused."""

    def __init__(self, parameter: Any, value: Any, reason: str, *args: object) -> None:
        super().__init__(
            f'Invalid parameter value ({value!r}) for parameter. Reason: {reason}', parameter, *args
        )
        self.value = value
        self.reason = reason


class ParameterImmutableException(ParameterException):
    """A read-only parameter was to be changed."""

    def __init__(self, parameter: Any, *args: object) -> None:
        super().__init__('Attempted to modify read-only parameter', parameter, *args)


class ParameterUninitializedException(ParameterException):
    """A statically typed parameter was read before it had a value."""

    def __init__(self, parameter: Any, *args: object) -> None:
        super().__init__('The parameter is not initialized', parameter, *args)
