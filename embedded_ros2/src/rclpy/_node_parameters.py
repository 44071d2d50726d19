"""The parameters of a node."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import (
    ParameterDescriptor,
    ParameterEvent,
    SetParametersResult,
)
from rclpy import exceptions as exc
from rclpy.parameter import Parameter

if TYPE_CHECKING:
    from rclpy.publisher import Publisher

Declaration = tuple[Any, ...]
SetCallback = Callable[[list[Parameter]], SetParametersResult]


class NodeParameters:
    """Declaration, reading and setting of parameters; a part of Node."""

    _allow_undeclared: bool
    _overrides: dict[str, Parameter]
    _parameter_events: Publisher | None

    def _init_parameters(self) -> None:
        self._parameters: dict[str, Parameter] = {}
        self._descriptors: dict[str, ParameterDescriptor] = {}
        self._parameter_lock = threading.RLock()
        self._pre_set: list[Callable[[list[Parameter]], list[Parameter]]] = []
        self._on_set: list[SetCallback] = []
        self._post_set: list[Callable[[list[Parameter]], None]] = []
        self._parameter_events = None

    # Declaration

    def declare_parameter(
        self,
        name: str,
        value: Any = None,
        descriptor: ParameterDescriptor | None = None,
        ignore_override: bool = False,
    ) -> Parameter:
        """Declare a parameter with a default value or a type, and return it."""
        declaration: Declaration = (name, value, descriptor or ParameterDescriptor())
        return self.declare_parameters('', [declaration], ignore_override)[0]

    def declare_parameters(
        self,
        namespace: str,
        parameters: Iterable[Declaration],
        ignore_override: bool = False,
    ) -> list[Parameter]:
        """Declare parameters given as (name, value or type, descriptor) tuples."""
        prefix = f'{namespace}.' if namespace and not namespace.endswith('.') else namespace
        chosen: list[Parameter] = []
        with self._parameter_lock:
            prepared = [
                self._prepare(f'{prefix}{entry[0]}', entry[1:], ignore_override)
                for entry in parameters
            ]
            taken = [p.name for p, _ in prepared if p.name in self._parameters]
            if taken:
                raise exc.ParameterAlreadyDeclaredException(taken)
            for parameter, descriptor in prepared:
                self._descriptors[parameter.name] = descriptor
                result = self._apply([parameter], declaring=True)
                if not result.successful:
                    del self._descriptors[parameter.name]
                    self._parameters.pop(parameter.name, None)
                    if result.reason.startswith('Wrong parameter type'):
                        raise exc.InvalidParameterTypeException(
                            parameter, Parameter.Type(descriptor.type).name
                        )
                    raise exc.InvalidParameterValueException(
                        parameter.name, parameter.value, result.reason
                    )
                chosen.append(self._parameters[parameter.name])
        return chosen

    def _prepare(
        self,
        name: str,
        rest: Sequence[Any],
        ignore_override: bool,
    ) -> tuple[Parameter, ParameterDescriptor]:
        value = rest[0] if rest else None
        descriptor = rest[1] if len(rest) > 1 else ParameterDescriptor()
        if not isinstance(name, str) or not name:
            raise exc.InvalidParameterException(name)
        if not isinstance(descriptor, ParameterDescriptor):
            raise TypeError(f'descriptor of {name!r} must be a ParameterDescriptor')
        default: Parameter | None = None
        if isinstance(value, Parameter.Type):
            kind = value
            if kind is Parameter.Type.NOT_SET:
                raise ValueError(f'parameter {name!r} cannot be declared with type NOT_SET')
        elif isinstance(value, Parameter):
            kind, default = value.type_, Parameter(name, value.type_, value.value)
        else:
            default = Parameter(name, value=value)
            kind = default.type_
        if kind is Parameter.Type.NOT_SET and not rest and not descriptor.dynamic_typing:
            descriptor.dynamic_typing = True
        if kind is Parameter.Type.NOT_SET:
            descriptor.dynamic_typing = True
        descriptor.name = name
        descriptor.type = int(Parameter.Type.NOT_SET if descriptor.dynamic_typing else kind)
        override = None if ignore_override else self._overrides.get(name)
        return override or default or Parameter(name), descriptor

    def undeclare_parameter(self, name: str) -> None:
        """Remove a parameter."""
        with self._parameter_lock:
            if name not in self._parameters:
                raise exc.ParameterNotDeclaredException(name)
            if self._descriptors[name].read_only:
                raise exc.ParameterImmutableException(name)
            if not self._descriptors[name].dynamic_typing:
                raise exc.InvalidParameterTypeException(
                    self._parameters[name], Parameter.Type.NOT_SET.name
                )
            del self._parameters[name], self._descriptors[name]

    # Reading

    def has_parameter(self, name: str) -> bool:
        """Return whether a parameter is declared."""
        return name in self._parameters

    def get_parameter(self, name: str) -> Parameter:
        """Return a parameter."""
        with self._parameter_lock:
            if name in self._parameters:
                parameter = self._parameters[name]
                if (
                    parameter.type_ is Parameter.Type.NOT_SET
                    and not self._descriptors[name].dynamic_typing
                ):
                    raise exc.ParameterUninitializedException(name)
                return parameter
        if self._allow_undeclared:
            return Parameter(name, Parameter.Type.NOT_SET, None)
        raise exc.ParameterNotDeclaredException(name)

    def get_parameters(self, names: list[str]) -> list[Parameter]:
        """Return several parameters."""
        return [self.get_parameter(name) for name in names]

    def get_parameter_or(self, name: str, alternative_value: Parameter | None = None) -> Parameter:
        """Return a parameter, or the alternative when it is not set."""
        fallback = alternative_value or Parameter(name, Parameter.Type.NOT_SET)
        parameter = self._parameters.get(name)
        return fallback if parameter is None or parameter.value is None else parameter

    def get_parameter_type(self, name: str) -> Parameter.Type:
        """Return the type of a parameter."""
        if name not in self._parameters:
            if self._allow_undeclared:
                return Parameter.Type.NOT_SET
            raise exc.ParameterNotDeclaredException(name)
        return self._parameters[name].type_

    def get_parameter_types(self, names: list[str]) -> list[Parameter.Type]:
        """Return the types of several parameters."""
        return [self.get_parameter_type(name) for name in names]

    def get_parameters_by_prefix(self, prefix: str) -> dict[str, Parameter]:
        """Return the parameters below a prefix, by the rest of their names."""
        start = f'{prefix}.' if prefix else ''
        return {
            name[len(start) :]: parameter
            for name, parameter in self._parameters.items()
            if name.startswith(start)
        }

    def describe_parameter(self, name: str) -> ParameterDescriptor:
        """Return the descriptor of a parameter."""
        if name not in self._descriptors:
            if self._allow_undeclared:
                return ParameterDescriptor()
            raise exc.ParameterNotDeclaredException(name)
        return self._descriptors[name]

    def describe_parameters(self, names: list[str]) -> list[ParameterDescriptor]:
        """Return the descriptors of several parameters."""
        return [self.describe_parameter(name) for name in names]

    def list_parameters(self, prefixes: list[str], depth: int) -> Any:
        """Return names and prefixes, as the parameter service does."""
        from rclpy.parameter_service import list_parameters

        return list_parameters(list(self._parameters), prefixes, depth)

    # Setting

    def set_parameters(self, parameter_list: list[Parameter]) -> list[SetParametersResult]:
        """Set parameters one by one."""
        return [self.set_parameters_atomically([parameter]) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set all of the parameters or none."""
        if not all(isinstance(parameter, Parameter) for parameter in parameter_list):
            raise TypeError('parameter must be instance of type Parameter')
        with self._parameter_lock:
            undeclared = [p.name for p in parameter_list if p.name not in self._parameters]
            if undeclared and not self._allow_undeclared:
                raise exc.ParameterNotDeclaredException(undeclared)
            for name in undeclared:
                self._descriptors[name] = ParameterDescriptor(name=name, dynamic_typing=True)
            return self._apply(parameter_list)

    def set_descriptor(
        self,
        name: str,
        descriptor: ParameterDescriptor,
        alternative_value: Any = None,
    ) -> Any:
        """Refuse: descriptors are fixed by the declaration."""
        raise NotImplementedError('Node.set_descriptor')

    def _apply(self, parameters: list[Parameter], declaring: bool = False) -> SetParametersResult:
        if not declaring:
            for pre_set in reversed(self._pre_set):
                parameters = pre_set(parameters)
                if not parameters:
                    return SetParametersResult(
                        reason='parameter list was emptied by a pre-set callback'
                    )
        for parameter in parameters:
            reason = self._refusal(parameter, declaring)
            if reason:
                return SetParametersResult(successful=False, reason=reason)
        for on_set in reversed(self._on_set):
            result = on_set(parameters)
            if not result.successful:
                return result
        event = ParameterEvent(node=self.get_fully_qualified_name())  # type: ignore[attr-defined]
        for parameter in parameters:
            known = self._parameters.get(parameter.name)
            if parameter.type_ is Parameter.Type.NOT_SET:
                if known is not None and known.type_ is not Parameter.Type.NOT_SET:
                    event.deleted_parameters.append(parameter.to_parameter_msg())
            elif known is None or known.type_ is Parameter.Type.NOT_SET:
                event.new_parameters.append(parameter.to_parameter_msg())
            else:
                event.changed_parameters.append(parameter.to_parameter_msg())
            self._parameters[parameter.name] = parameter
        self._publish_event(event)
        if not declaring:
            for post_set in self._post_set:
                post_set(parameters)
        return SetParametersResult(successful=True)

    def _publish_event(self, event: ParameterEvent) -> None:
        if self._parameter_events is not None and (
            event.new_parameters or event.changed_parameters or event.deleted_parameters
        ):
            event.stamp = self.get_clock().now().to_msg()  # type: ignore[attr-defined]
            self._parameter_events.publish(event)

    def _refusal(self, parameter: Parameter, declaring: bool) -> str:
        """Return why a parameter cannot get its value, or an empty text."""
        name, value = parameter.name, parameter.value
        descriptor = self._descriptors[name]
        if descriptor.read_only and not declaring:
            return f'Trying to set a read-only parameter: {name}.'
        kind = Parameter.Type(descriptor.type)
        unset = parameter.type_ is Parameter.Type.NOT_SET
        if (
            not descriptor.dynamic_typing
            and parameter.type_ is not kind
            and not (unset and declaring)
        ):
            return f"Wrong parameter type, expected '{kind}' got '{parameter.type_}'"
        if descriptor.integer_range and parameter.type_ is Parameter.Type.INTEGER:
            return _integer_refusal(name, value, descriptor.integer_range[0])
        if descriptor.floating_point_range and parameter.type_ is Parameter.Type.DOUBLE:
            return _floating_refusal(name, value, descriptor.floating_point_range[0])
        return ''

    # Callbacks

    def add_pre_set_parameters_callback(self, callback: Any) -> None:
        """Let a function change the list of parameters before they are set."""
        self._pre_set.insert(0, callback)

    def add_on_set_parameters_callback(self, callback: SetCallback) -> None:
        """Let a function accept or refuse values before they are set."""
        self._on_set.insert(0, callback)

    def add_post_set_parameters_callback(self, callback: Any) -> None:
        """Tell a function which parameters were set."""
        self._post_set.insert(0, callback)

    def remove_pre_set_parameters_callback(self, callback: Any) -> None:
        """Undo add_pre_set_parameters_callback."""
        self._pre_set.remove(callback)

    def remove_on_set_parameters_callback(self, callback: SetCallback) -> None:
        """Undo add_on_set_parameters_callback."""
        self._on_set.remove(callback)

    def remove_post_set_parameters_callback(self, callback: Any) -> None:
        """Undo add_post_set_parameters_callback."""
        self._post_set.remove(callback)


def _integer_refusal(name: str, value: int, limits: Any) -> str:
    if (
        not min(limits.from_value, limits.to_value)
        <= value
        <= max(limits.from_value, limits.to_value)
    ):
        return (
            f'Parameter {name} out of range. Min: {limits.from_value}, '
            f'Max: {limits.to_value}, value: {value}'
        )
    if value != limits.to_value and limits.step and (value - limits.from_value) % limits.step:
        return (
            f'The parameter value for {name} is not a valid step. '
            f'Min: {limits.from_value}, max: {limits.to_value}, value: {value}, '
            f'step: {limits.step}'
        )
    return ''


def _floating_refusal(name: str, value: float, limits: Any) -> str:
    low, high = sorted((limits.from_value, limits.to_value))
    if any(math.isclose(value, end, rel_tol=1e-6) for end in (low, high)):
        return ''
    if not low < value < high:
        return (
            f'Parameter {name} out of range Min: {limits.from_value}, '
            f'Max: {limits.to_value}, value: {value}'
        )
    if limits.step:
        steps = round((value - limits.from_value) / limits.step)
        if not math.isclose(limits.from_value + steps * limits.step, value, rel_tol=1e-6):
            return (
                f'The parameter value for {name} is not close enough to a valid step. '
                f'Min: {limits.from_value}, max: {limits.to_value}, value: {value}, '
                f'step: {limits.step}'
            )
    return ''
