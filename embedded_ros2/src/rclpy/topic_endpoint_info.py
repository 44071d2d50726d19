"""Description of a publisher or subscription found in the graph."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from rclpy.qos import QoSProfile
from rclpy.type_hash import TypeHash


class TopicEndpointTypeEnum(enum.IntEnum):
    """Kind of an endpoint."""

    INVALID = 0
    PUBLISHER = 1
    SUBSCRIPTION = 2


@dataclass(frozen=True)
class TopicEndpointInfo:
    """A publisher or subscription, its node and its QoS."""

    node_name: str
    node_namespace: str
    topic_type: str
    topic_type_hash: TypeHash
    endpoint_type: TopicEndpointTypeEnum
    endpoint_gid: list[int]
    qos_profile: QoSProfile

    def __str__(self) -> str:
        gid = '.'.join(f'{byte:02x}' for byte in self.endpoint_gid)
        qos = self.qos_profile

        history = qos.history.name
        if history == 'KEEP_LAST':
            history += f' ({qos.depth})'
        return '\n'.join(
            [
                f'Node name: {self.node_name}',
                f'Node namespace: {self.node_namespace}',
                f'Topic type: {self.topic_type}',
                f'Topic type hash: {self.topic_type_hash}',
                f'Endpoint type: {self.endpoint_type.name}',
                f'GID: {gid}',
                'QoS profile:',
                f'  Reliability: {qos.reliability.name}',
                f'  History (Depth): {history}',
                f'  Durability: {qos.durability.name}',
                f'  Lifespan: {qos.lifespan}',
                f'  Deadline: {qos.deadline}',
                f'  Liveliness: {qos.liveliness.name}',
                f'  Liveliness lease duration: {qos.liveliness_lease_duration}',
            ]
        )
