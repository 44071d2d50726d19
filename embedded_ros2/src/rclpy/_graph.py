"""What is known about nodes and endpoints of other processes and of this one.

Endpoints come from DDS discovery, the nodes they belong to from the topic ``ros_discovery_info``
on which every participant lists its nodes with the identifiers of their readers and writers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cyclonedds.builtin import (
    BuiltinDataReader,
    BuiltinTopicDcpsParticipant,
    BuiltinTopicDcpsPublication,
    BuiltinTopicDcpsSubscription,
)
from cyclonedds.core import InstanceState
from cyclonedds.qos import Policy, Qos

from rclpy._dds_qos import to_dds
from rclpy._participant import DATA, Participant
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from rmw_dds_common.msg import Gid, NodeEntitiesInfo, ParticipantEntitiesInfo
from rosidl_embedded.cdr import CdrError, deserialize, serialize
from rosidl_embedded.definitions import distribution, type_hash

TOPIC = 'ros_discovery_info'
TYPE = 'rmw_dds_common/msg/ParticipantEntitiesInfo'
_LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_ALL = QoSProfile(history=HistoryPolicy.KEEP_ALL, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass
class NodeEntities:
    """A node of this process and the identifiers of its endpoints."""

    namespace: str
    name: str
    readers: set[bytes] = field(default_factory=set)
    writers: set[bytes] = field(default_factory=set)


@dataclass(frozen=True)
class GraphEndpoint:
    """A discovered reader or writer; topic and type are DDS names."""

    gid: bytes
    topic: str
    type_name: str
    qos: Qos
    is_writer: bool


class _Parent:
    """Stands for the participant where cyclonedds expects its own participant object."""

    def __init__(self, handle: int) -> None:
        self._ref = handle


class _BuiltinReader(BuiltinDataReader):
    """A reader of discovery data that is deleted with its participant, not by the collector."""

    @property
    def handle(self) -> int:
        return self._ref

    def get_subscriber(self) -> None:
        return None

    subscriber = property(get_subscriber)

    def __del__(self) -> None:
        self._entities.pop(self._ref, None)


def _gid(raw: bytes) -> Any:
    return Gid(data=list(raw.ljust(24 if distribution() == 'humble' else 16, b'\0')))


class Graph:
    """The graph as one context sees it."""

    def __init__(self, participant: Participant) -> None:
        self._participant = participant
        self._lock = threading.RLock()
        self._local: list[NodeEntities] = []
        self._remote: dict[bytes, bytes] = {}
        self._endpoints: dict[bytes, GraphEndpoint] = {}
        self._builtin: list[Any] = []
        digest = type_hash(TYPE)
        self._writer = participant.create_writer(TOPIC, TYPE, to_dds(_LATCHED, digest))
        self._reader = participant.create_reader(TOPIC, TYPE, to_dds(_ALL, digest))
        participant.listen(self._reader, self._receive)
        self._watch_builtin(BuiltinTopicDcpsParticipant, self._receive_participants)

    def _watch_builtin(self, topic: Any, receive: Any) -> None:
        parent: Any = _Parent(self._participant.handle)
        reader = _BuiltinReader(parent, topic)
        self._builtin.append(reader)
        self._participant.watch(reader.handle, DATA, lambda bits: receive(reader))
        receive(reader)

    # Nodes of this process

    def add_node(self, namespace: str, name: str) -> NodeEntities:
        """Announce a node."""
        node = NodeEntities(namespace, name)
        with self._lock:
            self._local.append(node)
            self._publish()
        return node

    def remove_node(self, node: NodeEntities) -> None:
        """Withdraw a node."""
        with self._lock:
            self._local.remove(node)
            self._publish()

    def update(
        self,
        node: NodeEntities,
        *,
        add: Iterable[Any] = (),
        remove: Iterable[Any] = (),
    ) -> None:
        """Announce that endpoints were added to or removed from a node."""
        with self._lock:
            for endpoint in add:
                self._gids(node, endpoint).add(endpoint.gid)
            for endpoint in remove:
                self._gids(node, endpoint).discard(endpoint.gid)
            self._publish()

    @staticmethod
    def _gids(node: NodeEntities, endpoint: Any) -> set[bytes]:
        return node.writers if hasattr(endpoint, 'write') else node.readers

    def _publish(self) -> None:
        self._writer.write(
            serialize(
                ParticipantEntitiesInfo(
                    gid=_gid(self._participant.gid),
                    node_entities_info_seq=[
                        NodeEntitiesInfo(
                            node_namespace=node.namespace,
                            node_name=node.name,
                            reader_gid_seq=[_gid(raw) for raw in sorted(node.readers)],
                            writer_gid_seq=[_gid(raw) for raw in sorted(node.writers)],
                        )
                        for node in self._local
                    ],
                )
            )
        )

    # Reception, in the waiter thread

    def _receive(self, bits: int) -> None:
        with self._lock:
            for data, _ in self._reader.take(100):
                self._remote[data[4:20]] = data

    def _receive_participants(self, reader: Any) -> None:
        with self._lock:
            for sample in reader.take(N=100):
                if sample.sample_info.instance_state != InstanceState.Alive:
                    self._remote.pop(sample.key.bytes, None)

    def _receive_endpoints(self, reader: Any, is_writer: bool) -> None:
        with self._lock:
            for sample in reader.take(N=1000):
                gid = sample.key.bytes
                if sample.sample_info.instance_state == InstanceState.Alive:
                    self._endpoints[gid] = GraphEndpoint(
                        gid, sample.topic_name, sample.type_name, sample.qos, is_writer
                    )
                else:
                    self._endpoints.pop(gid, None)

    # Queries

    def endpoints(self) -> list[GraphEndpoint]:
        """Return all endpoints; the first call starts watching for them."""
        with self._lock:
            if len(self._builtin) == 1:
                for topic, is_writer in (
                    (BuiltinTopicDcpsPublication, True),
                    (BuiltinTopicDcpsSubscription, False),
                ):
                    self._watch_builtin(
                        topic, lambda reader, w=is_writer: self._receive_endpoints(reader, w)
                    )
            return list(self._endpoints.values())

    def nodes(self) -> list[NodeEntities]:
        """Return all nodes, those of this process first."""
        with self._lock:
            own = self._participant.gid
            nodes = list(self._local)
            messages = [data for gid, data in self._remote.items() if gid != own]
        for data in messages:
            try:
                message = deserialize(data, TYPE)
            except CdrError:
                continue
            nodes += [
                NodeEntities(
                    info.node_namespace,
                    info.node_name,
                    {bytes(gid.data[:16]) for gid in info.reader_gid_seq},
                    {bytes(gid.data[:16]) for gid in info.writer_gid_seq},
                )
                for info in message.node_entities_info_seq
            ]
        return nodes

    @staticmethod
    def type_hash_of(endpoint: GraphEndpoint) -> str | None:
        """Return the type hash that an endpoint announces."""
        policy = endpoint.qos[Policy.Userdata]
        if policy is None:
            return None
        pairs = (part.partition(b'=') for part in policy.data.split(b';'))
        return next((value.decode() for key, _, value in pairs if key == b'typehash'), None)
