"""What a node can tell about the graph; a part of Node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy._dds_qos import from_dds
from rclpy._graph import Graph, GraphEndpoint, NodeEntities
from rclpy._names import demangle
from rclpy.topic_endpoint_info import TopicEndpointInfo, TopicEndpointTypeEnum
from rclpy.type_hash import from_text
from rosidl_embedded.idl import ros_name

if TYPE_CHECKING:
    from rclpy.context import Context

NamesAndTypes = list[tuple[str, list[str]]]
_UNKNOWN_NODE = NodeEntities('_NODE_NAMESPACE_UNKNOWN_', '_NODE_NAME_UNKNOWN_')


class NodeGraph:
    """Names and types of nodes, topics and services, and who uses them."""

    context: Context

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """Return the full name of a topic, remapped unless only_expand."""
        raise NotImplementedError

    @property
    def _graph(self) -> Graph:
        return self.context.graph

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        """Return name and namespace of every node."""
        return [(node.name, node.namespace) for node in self._graph.nodes()]

    def get_node_names_and_namespaces_with_enclaves(self) -> list[tuple[str, str, str]]:
        """Return name, namespace and enclave of every node."""
        return [(name, space, '/') for name, space in self.get_node_names_and_namespaces()]

    def get_node_names(self) -> list[str]:
        """Return the name of every node."""
        return [name for name, _ in self.get_node_names_and_namespaces()]

    def get_fully_qualified_node_names(self) -> list[str]:
        """Return the full name of every node."""
        return [
            f'{space if space.endswith("/") else space + "/"}{name}'
            for name, space in self.get_node_names_and_namespaces()
        ]

    def get_topic_names_and_types(self, no_demangle: bool = False) -> NamesAndTypes:
        """Return every topic with its types."""
        if no_demangle:
            return _collect((e.topic, e.type_name) for e in self._graph.endpoints())
        return _collect(_topics(self._graph.endpoints()))

    def get_service_names_and_types(self) -> NamesAndTypes:
        """Return every service with its types."""
        return _collect(_services(e for e in self._graph.endpoints() if not e.is_writer))

    def get_publisher_names_and_types_by_node(
        self,
        node_name: str,
        node_namespace: str,
        no_demangle: bool = False,
    ) -> NamesAndTypes:
        """Return the topics that a node publishes."""
        return _collect(_topics(self._of_node(node_name, node_namespace, True)))

    def get_subscriber_names_and_types_by_node(
        self,
        node_name: str,
        node_namespace: str,
        no_demangle: bool = False,
    ) -> NamesAndTypes:
        """Return the topics that a node subscribes to."""
        return _collect(_topics(self._of_node(node_name, node_namespace, False)))

    def get_service_names_and_types_by_node(
        self,
        node_name: str,
        node_namespace: str,
    ) -> NamesAndTypes:
        """Return the services that a node offers."""
        return _collect(_services(self._of_node(node_name, node_namespace, False)))

    def get_client_names_and_types_by_node(
        self,
        node_name: str,
        node_namespace: str,
    ) -> NamesAndTypes:
        """Return the services that a node calls."""
        return _collect(_services(self._of_node(node_name, node_namespace, True)))

    def _of_node(self, name: str, namespace: str, writers: bool) -> list[GraphEndpoint]:
        nodes = [n for n in self._graph.nodes() if n.name == name and n.namespace == namespace]
        gids = set().union(*(n.writers if writers else n.readers for n in nodes))
        return [e for e in self._graph.endpoints() if e.gid in gids]

    def _on_topic(self, topic_name: str, is_writer: bool) -> list[GraphEndpoint]:
        name = self.resolve_topic_name(topic_name)
        return [
            e
            for e in self._graph.endpoints()
            if e.topic == f'rt{name}' and e.is_writer is is_writer
        ]

    def count_publishers(self, topic_name: str) -> int:
        """Return the number of publishers of a topic."""
        return len(self._on_topic(topic_name, True))

    def count_subscribers(self, topic_name: str) -> int:
        """Return the number of subscriptions to a topic."""
        return len(self._on_topic(topic_name, False))

    def _on_service(self, service_name: str, is_writer: bool) -> int:
        name = self.resolve_topic_name(service_name)
        return sum(
            e.topic == f'rq{name}Request' and e.is_writer is is_writer
            for e in self._graph.endpoints()
        )

    def count_services(self, service_name: str) -> int:
        """Return the number of servers of a service."""
        return self._on_service(service_name, False)

    def count_clients(self, service_name: str) -> int:
        """Return the number of clients of a service."""
        return self._on_service(service_name, True)

    def get_publishers_info_by_topic(
        self,
        topic_name: str,
        no_mangle: bool = False,
    ) -> list[TopicEndpointInfo]:
        """Return the publishers of a topic."""
        return self._endpoint_info(topic_name, True)

    def get_subscriptions_info_by_topic(
        self,
        topic_name: str,
        no_mangle: bool = False,
    ) -> list[TopicEndpointInfo]:
        """Return the subscriptions to a topic."""
        return self._endpoint_info(topic_name, False)

    def _endpoint_info(self, topic_name: str, is_writer: bool) -> list[TopicEndpointInfo]:
        owners = {gid: node for node in self._graph.nodes() for gid in node.readers | node.writers}
        kind = TopicEndpointTypeEnum.PUBLISHER if is_writer else TopicEndpointTypeEnum.SUBSCRIPTION
        result = []
        for endpoint in self._on_topic(topic_name, is_writer):
            owner = owners.get(endpoint.gid, _UNKNOWN_NODE)
            result.append(
                TopicEndpointInfo(
                    owner.name,
                    owner.namespace,
                    ros_name(endpoint.type_name) or endpoint.type_name,
                    from_text(self._graph.type_hash_of(endpoint)),
                    kind,
                    list(endpoint.gid),
                    from_dds(endpoint.qos),
                )
            )
        return result


def _topics(endpoints: Any) -> Any:
    for endpoint in endpoints:
        name, kind = demangle(endpoint.topic, 'rt'), ros_name(endpoint.type_name)
        if name and kind:
            yield name, kind


def _services(endpoints: Any) -> Any:
    for endpoint in endpoints:
        name, kind = demangle(endpoint.topic, 'rq', 'Request'), ros_name(endpoint.type_name)
        if name and kind:
            yield name, kind.removesuffix('_Request')


def _collect(pairs: Any) -> NamesAndTypes:
    found: dict[str, set[str]] = {}
    for name, kind in pairs:
        found.setdefault(name, set()).add(kind)
    return [(name, sorted(kinds)) for name, kinds in sorted(found.items())]
