"""Clients and services of a node; a part of Node."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy._dds_qos import to_dds
from rclpy.callback_groups import CallbackGroup
from rclpy.client import Client
from rclpy.exceptions import NoTypeSupportImportedException
from rclpy.qos import QoSProfile, as_profile, qos_profile_services_default
from rclpy.service import Service
from rosidl_embedded.definitions import type_hash

if TYPE_CHECKING:
    from rclpy.context import Context


class NodeServices:
    """Makes clients and services: a reader and a writer each."""

    context: Context
    default_callback_group: CallbackGroup

    def resolve_service_name(self, service: str, *, only_expand: bool = False) -> str:
        """Return the full name of a service, remapped unless only_expand."""
        raise NotImplementedError

    def _add(self, entity: Any, *endpoints: Any) -> None:
        raise NotImplementedError

    def create_client(
        self,
        srv_type: Any,
        srv_name: str,
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Client:
        """Create a client."""
        _require_service(srv_type)
        name = self.resolve_service_name(srv_name)
        client = Client(
            srv_type,
            name,
            callback_group or self.default_callback_group,
            qos_profile,
            self.context,
            self,
        )
        self._connect(client, srv_type, f'rr{name}Reply', 'Response', f'rq{name}Request', 'Request')
        return client

    def create_service(
        self,
        srv_type: Any,
        srv_name: str,
        callback: Callable[[Any, Any], Any],
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Service:
        """Create a service; the callback gets (request, response) and returns the response."""
        _require_service(srv_type)
        name = self.resolve_service_name(srv_name)
        service = Service(
            srv_type,
            name,
            callback,
            callback_group or self.default_callback_group,
            qos_profile,
            self,
        )
        self._connect(
            service, srv_type, f'rq{name}Request', 'Request', f'rr{name}Reply', 'Response'
        )
        return service

    def _connect(
        self,
        entity: Any,
        srv_type: Any,
        read_topic: str,
        read_part: str,
        write_topic: str,
        write_part: str,
    ) -> None:
        """Give a client or a service its reader and writer."""
        qos = to_dds(as_profile(entity.qos_profile), type_hash(srv_type.TYPE_NAME))
        participant = self.context.participant
        entity.writer = participant.create_writer(
            write_topic, f'{srv_type.TYPE_NAME}_{write_part}', qos
        )
        entity.reader = participant.create_reader(
            read_topic, f'{srv_type.TYPE_NAME}_{read_part}', qos
        )
        self._add(entity, entity.reader, entity.writer)
        participant.listen(entity.reader, entity.notify)


def _require_service(srv_type: Any) -> None:
    if not hasattr(srv_type, 'Request') or not hasattr(srv_type, 'Response'):
        raise NoTypeSupportImportedException(f'{srv_type!r} is not a service type')
