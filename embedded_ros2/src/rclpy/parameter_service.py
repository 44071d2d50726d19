"""The services by which other programs read and set the parameters of a node."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import ListParametersResult, ParameterDescriptor, SetParametersResult
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.exceptions import ParameterNotDeclaredException
from rclpy.parameter import PARAMETER_SEPARATOR_STRING, Parameter
from rclpy.qos import qos_profile_parameters


def list_parameters(names: list[str], prefixes: list[str], depth: int) -> ListParametersResult:
    """Return the names below the prefixes, at most depth levels deep (0: all)."""
    separator = PARAMETER_SEPARATOR_STRING
    result = ListParametersResult()
    for name in names:
        starts = [p for p in prefixes if name == p or name.startswith(f'{p}{separator}')]
        if prefixes and not starts:
            continue
        below = name[max(map(len, starts), default=-1) + 1 :]
        if depth and below.count(separator) >= depth:
            continue
        result.names.append(name)
        prefix = name.rpartition(separator)[0]
        if prefix and prefix not in result.prefixes:
            result.prefixes.append(prefix)
    return result


class ParameterService:
    """The six parameter services of one node."""

    def __init__(self, node: Any) -> None:
        self._node = node
        for service, name, handler in (
            (DescribeParameters, 'describe_parameters', self._describe),
            (GetParameters, 'get_parameters', self._get),
            (GetParameterTypes, 'get_parameter_types', self._get_types),
            (ListParameters, 'list_parameters', self._list),
            (SetParameters, 'set_parameters', self._set),
            (SetParametersAtomically, 'set_parameters_atomically', self._set_atomically),
        ):
            node.create_service(service, f'~/{name}', handler, qos_profile=qos_profile_parameters)

    def _describe(self, request: Any, response: Any) -> Any:
        node = self._node
        if all(node.has_parameter(name) or node._allow_undeclared for name in request.names):
            response.descriptors = [
                _with_type(node, name, node.describe_parameter(name)) for name in request.names
            ]
        return response

    def _get(self, request: Any, response: Any) -> Any:
        node = self._node
        if all(node.has_parameter(name) or node._allow_undeclared for name in request.names):
            none = Parameter('')
            response.values = [
                node._parameters.get(name, none).get_parameter_value() for name in request.names
            ]
        return response

    def _get_types(self, request: Any, response: Any) -> Any:
        node = self._node
        if all(node.has_parameter(name) or node._allow_undeclared for name in request.names):
            response.types = [int(node.get_parameter_type(name)) for name in request.names]
        return response

    def _list(self, request: Any, response: Any) -> Any:
        response.result = list_parameters(
            list(self._node._parameters), request.prefixes, request.depth
        )
        return response

    def _set(self, request: Any, response: Any) -> Any:
        for message in request.parameters:
            response.results.append(self._set_all([message]))
        return response

    def _set_atomically(self, request: Any, response: Any) -> Any:
        response.result = self._set_all(request.parameters)
        return response

    def _set_all(self, messages: list[Any]) -> SetParametersResult:
        try:
            return self._node.set_parameters_atomically(
                [Parameter.from_parameter_msg(message) for message in messages]
            )
        except ParameterNotDeclaredException as error:
            return SetParametersResult(successful=False, reason=str(error))


def _with_type(node: Any, name: str, descriptor: ParameterDescriptor) -> ParameterDescriptor:
    """Return the descriptor with the type of the present value, also under dynamic typing."""
    fields = {key: getattr(descriptor, key) for key in descriptor.get_fields_and_field_types()}
    fields.update(name=name, type=int(node.get_parameter_type(name)))
    return ParameterDescriptor(**fields)
