"""ROS side of the streams: subscriptions whose QoS follows what the publishers offer."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from recorder_node.contract.contract import IMAGE_TYPES, Contract
from recorder_node.session.publishers import Publisher
from recorder_node.streams.buffer import StreamBuffer
from recorder_node.streams.intake import Intake
from recorder_node.streams.messages import Units, extractor
from recorder_node.streams.sampler import stream_keys
from so101_driver.ros.data_node import DataListener

_DEPTH = 10
_IMAGE_DEPTH = 5
_INTERNAL = ('/rosout', '/parameter_events')


def message_class(type_name: str) -> Any:
    """Return the class of a type such as `sensor_msgs/msg/Image`."""
    package, kind, name = type_name.split('/')
    return getattr(importlib.import_module(f'{package}.{kind}'), name)


class AdaptiveSubscription:
    """Subscribes once a publisher exists; best effort when any publisher offers only that.

    A reliable subscription never hears a best-effort publisher, and nothing but a warning would
    tell. When all publishers keep their last messages for late listeners, they are asked for.
    `refresh` is called now and then and subscribes anew when the offers have changed.

    The old subscription stays and is not listened to: to destroy one while an executor takes from
    it blocks its callback group for ever on Humble.

    Args:
        node: whose graph is asked.
        listener: hears the topic.
        topic: as in the contract.
        type_name: such as `sensor_msgs/msg/Image`.
        callback: called in the listener's thread.
        depth: of the queue.
    """

    def __init__(
        self,
        node: Node,
        listener: DataListener,
        topic: str,
        type_name: str,
        callback: Callable[[Any], None],
        depth: int,
    ) -> None:
        self.topic = topic
        self._node = node
        self._listener = listener
        self._type = message_class(type_name)
        self._callback = callback
        self._depth = depth
        self._wanted: Any = None
        self._subscribed: set[Any] = set()
        self._type_name = type_name
        # As they were at the last refresh.
        self.publishers: tuple[Publisher, ...] = ()

    def refresh(self) -> None:
        """Follow the publishers' offers; those of another type offer nothing."""
        infos = self._node.get_publishers_info_by_topic(self.topic)
        self.publishers = tuple(
            Publisher(f'{info.node_namespace.rstrip("/")}/{info.node_name}', info.topic_type)
            for info in infos
        )
        offers = [info.qos_profile for info in infos if info.topic_type == self._type_name]
        if not offers:
            return
        reliability, durability = ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE
        if any(offer.reliability == ReliabilityPolicy.BEST_EFFORT for offer in offers):
            reliability = ReliabilityPolicy.BEST_EFFORT
        if all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers):
            durability = DurabilityPolicy.TRANSIENT_LOCAL
        wanted = self._wanted = (reliability, durability)
        if wanted in self._subscribed:
            return
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=self._depth,
            reliability=reliability,
            durability=durability,
        )
        self._subscribed.add(wanted)
        self._listener.subscribe(self._type, self.topic, partial(self._receive, wanted), profile)

    def _receive(self, offered: Any, message: Any) -> None:
        if offered == self._wanted:
            self._callback(message)


class StreamSubscriptions:
    """Fills the contract's stream buffers from topics.

    Args:
        node: whose graph and clock count.
        listener: hears the topics.
        contract: the features.
        buffers: one per source.
        converter: units.
        refused: told, in words, about every message that is of no use.
    """

    def __init__(
        self,
        node: Node,
        listener: DataListener,
        contract: Contract,
        buffers: dict[str, StreamBuffer],
        converter: Units,
        refused: Callable[[str], None],
    ) -> None:
        self._node = node
        # Looked up while a topic of the contract has no publisher.
        self.other_topics: tuple[str, ...] = ()
        # Topics that serve several features are subscribed once.
        receivers: dict[tuple[str, str], list[Intake]] = {}
        for feature in contract.features:
            for key, source in zip(stream_keys(feature), feature.sources, strict=True):
                intake = Intake(buffers[key], extractor(feature, source, converter), refused)
                receivers.setdefault((source.topic, source.type), []).append(intake)
        self._subscriptions = [
            AdaptiveSubscription(
                node,
                listener,
                topic,
                type_name,
                self._dispatcher(group),
                _IMAGE_DEPTH if type_name in IMAGE_TYPES else _DEPTH,
            )
            for (topic, type_name), group in receivers.items()
        ]

    def refresh(self) -> None:
        """Look at the publishers and subscribe accordingly."""
        silent = False
        for subscription in self._subscriptions:
            subscription.refresh()
            if not subscription.publishers:
                silent = True
        if silent:
            self.other_topics = tuple(
                name
                for name, _ in sorted(self._node.get_topic_names_and_types())
                if name not in _INTERNAL and self._node.count_publishers(name)
            )

    def publishers(self, topic: str) -> tuple[Publisher, ...]:
        """Return who published on a topic of the contract at the last refresh."""
        found = (s.publishers for s in self._subscriptions if s.topic == topic)
        return next(found, ())

    def _dispatcher(self, intakes: Iterable[Intake]) -> Callable[[Any], None]:
        group = tuple(intakes)
        clock = self._node.get_clock()

        def dispatch(message: Any) -> None:
            recv_ns = clock.now().nanoseconds
            for intake in group:
                intake(message, recv_ns)

        return dispatch
