"""Publishers."""

from __future__ import annotations

import threading
from typing import Any

from rclpy._dds import Writer
from rclpy.duration import Duration, Infinite
from rclpy.exceptions import InvalidHandle, RCLError
from rclpy.qos import QoSProfile
from rosidl_embedded.cdr import HEADER, serialize


class Publisher:
    """Sends messages of one type to a topic."""

    def __init__(
        self,
        writer: Writer,
        msg_type: type,
        topic: str,
        qos_profile: QoSProfile,
        node: Any,
        events: list[Any],
    ) -> None:
        self.writer = writer
        self.msg_type = msg_type
        self.topic = topic
        self.qos_profile = qos_profile
        self.node = node
        self.event_handlers = events
        self._lock = threading.Lock()
        self._destroyed = False

    @property
    def topic_name(self) -> str:
        """Full name of the topic."""
        return self.topic

    @property
    def logger_name(self) -> str:
        """Name of the node's logger."""
        return str(self.node.get_logger().name)

    def publish(self, msg: Any) -> None:
        """Send a message, or one that is already serialized."""
        if isinstance(msg, self.msg_type):
            data = serialize(msg)
        elif isinstance(msg, bytes):
            if msg[:4] != HEADER:
                raise ValueError('serialized message is not little-endian CDR')
            data = msg + bytes(-len(msg) & 3)
        else:
            raise TypeError(f'Expected {self.msg_type}, got {type(msg)}')
        if not self.node.context.ok():
            raise RCLError("Failed to publish: publisher's context is invalid")
        with self._lock:
            if self._destroyed:
                raise InvalidHandle(f'publisher of {self.topic} was destroyed')
            self.writer.write(data)

    def get_subscription_count(self) -> int:
        """Return how many subscriptions receive from this publisher."""
        return self.writer.matched()

    def assert_liveliness(self) -> None:
        """Assert that this publisher is alive."""
        raise NotImplementedError('Publisher.assert_liveliness')

    def wait_for_all_acked(self, timeout: Duration = Infinite) -> bool:
        """Wait until all reliable subscriptions have acknowledged; return False on timeout."""
        return self.writer.wait_for_acks(timeout.nanoseconds)

    def destroy(self) -> None:
        """End the publisher; callers use Node.destroy_publisher."""
        with self._lock:
            self._destroyed = True
        self.writer.close()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *args: Any) -> None:
        self.node.destroy_publisher(self)
