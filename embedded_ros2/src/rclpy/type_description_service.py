"""The service by which other programs learn how the types of a node are built; since Iron."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rosidl_embedded.description import description
from type_description_interfaces.srv import GetTypeDescription

START_TYPE_DESCRIPTION_SERVICE_PARAM = 'start_type_description_service'


class TypeDescriptionService:
    """`~/get_type_description`, unless a parameter switches it off."""

    def __init__(self, node: Any) -> None:
        name = START_TYPE_DESCRIPTION_SERVICE_PARAM
        if not node.has_parameter(name):
            text = 'If enabled, start the ~/get_type_description service.'
            node.declare_parameter(
                name, True, ParameterDescriptor(description=text, read_only=True)
            )
        self.enabled = bool(node.get_parameter(name).value)
        if self.enabled:
            node.create_service(GetTypeDescription, '~/get_type_description', self._answer)

    @staticmethod
    def _answer(request: Any, response: Any) -> Any:
        """Describe a type; its source text is not kept here."""
        try:
            response.type_description = description(request.type_name, request.type_hash)
        except KeyError as error:
            response.failure_reason = str(error.args[0])
        else:
            response.successful = True
        return response
