"""Subscriptions."""

from __future__ import annotations

import enum
import inspect
import time
from collections.abc import Callable
from typing import Any, TypedDict

from rclpy._dds import Reader
from rclpy._waitable import Waitable, Work
from rclpy.qos import QoSProfile
from rosidl_embedded.cdr import CdrError, deserialize


class MessageInfo(TypedDict):
    """When a message was sent and received, in nanoseconds of the system clock."""

    source_timestamp: int
    received_timestamp: int
    publication_sequence_number: int | None
    reception_sequence_number: int | None


def wants_info(callback: Callable[..., Any]) -> bool:
    """Return whether a callback takes (message, info) rather than (message)."""
    try:
        inspect.signature(callback).bind(object())
        return False
    except TypeError:
        pass
    try:
        inspect.signature(callback).bind(object(), object())
    except TypeError:
        raise RuntimeError(
            'Subscription callback must accept a message, or a message and its info'
        ) from None
    return True


class Subscription(Waitable):
    """Receives messages of one type from a topic."""

    class CallbackType(enum.Enum):
        """What the callback takes."""

        MessageOnly = 0
        WithMessageInfo = 1

    reader: Reader

    def __init__(
        self,
        msg_type: type,
        topic: str,
        callback: Callable[..., Any],
        callback_group: Any,
        qos_profile: QoSProfile,
        raw: bool,
        node: Any,
        events: list[Any],
    ) -> None:
        super().__init__(node, callback_group)
        self.msg_type = msg_type
        self.topic = topic
        self.qos_profile = qos_profile
        self.raw = raw
        self.event_handlers = events
        self.callback = callback

    @property
    def callback(self) -> Callable[..., Any]:
        """The function that gets the messages."""
        return self._callback

    @callback.setter
    def callback(self, value: Callable[..., Any]) -> None:
        self._with_info = wants_info(value)
        self._callback = value
        self._callback_type = (
            self.CallbackType.WithMessageInfo if self._with_info else self.CallbackType.MessageOnly
        )

    @property
    def topic_name(self) -> str:
        """Full name of the topic."""
        return self.topic

    @property
    def logger_name(self) -> str:
        """Name of the node's logger."""
        return str(self.node.get_logger().name)

    def get_publisher_count(self) -> int:
        """Return from how many publishers this subscription receives."""
        return self.reader.matched()

    def take_work(self) -> Work | None:
        """Return the callback with the next message, if there is one."""
        with self._use:
            taken = None if self._destroyed else self.take()
        if taken is None:
            return None
        message, info = taken
        if self._with_info:
            return lambda: self._callback(message, info)
        return lambda: self._callback(message)

    def take(self) -> tuple[Any, MessageInfo] | None:
        """Return the next message with its info; skip what cannot be read."""
        while samples := self.reader.take():
            ((data, sample_info),) = samples
            info = MessageInfo(
                source_timestamp=sample_info.source_timestamp,
                received_timestamp=time.time_ns(),
                publication_sequence_number=None,
                reception_sequence_number=None,
            )
            if self.raw:
                return data, info
            try:
                return deserialize(data, self.msg_type.TYPE_NAME), info  # type: ignore[attr-defined]
            except CdrError as error:
                self.node.get_logger().error(f'{self.topic}: message dropped: {error}')
        return None

    def destroy(self) -> None:
        """End the subscription; callers use Node.destroy_subscription."""
        with self._use:
            super().destroy()
            self.reader.close()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *args: Any) -> None:
        self.node.destroy_subscription(self)
