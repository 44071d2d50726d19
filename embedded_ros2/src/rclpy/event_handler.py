"""Events of publishers and subscriptions.

Only incompatible QoS is watched. Callbacks for other events are refused.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from rclpy._dds import Endpoint
from rclpy._waitable import Waitable, Work
from rclpy.qos import QoSPolicyKind, qos_policy_name_from_kind


class UnsupportedEventTypeError(Exception):
    """The middleware does not know an event."""


class QoSPublisherEventType(enum.IntEnum):
    """Events of publishers."""

    RCL_PUBLISHER_OFFERED_DEADLINE_MISSED = 0
    RCL_PUBLISHER_LIVELINESS_LOST = 1
    RCL_PUBLISHER_OFFERED_INCOMPATIBLE_QOS = 2


class QoSSubscriptionEventType(enum.IntEnum):
    """Events of subscriptions."""

    RCL_SUBSCRIPTION_REQUESTED_DEADLINE_MISSED = 0
    RCL_SUBSCRIPTION_LIVELINESS_CHANGED = 1
    RCL_SUBSCRIPTION_REQUESTED_INCOMPATIBLE_QOS = 2


# An event names its policy as the middleware does; the numbers are those of QoSPolicyKind.
_RmwPolicyKind = enum.IntEnum(  # type: ignore[misc]
    'rmw_qos_policy_kind_t', {f'RMW_QOS_POLICY_{kind.name}': kind.value for kind in QoSPolicyKind}
)


@dataclass(frozen=True)
class QoSIncompatibleInfo:
    """How often a match was refused and which policy was last to blame."""

    total_count: int
    total_count_change: int
    last_policy_kind: enum.IntEnum


QoSOfferedIncompatibleQoSInfo = QoSIncompatibleInfo
QoSRequestedIncompatibleQoSInfo = QoSIncompatibleInfo

_POLICIES = {
    2: QoSPolicyKind.DURABILITY,
    4: QoSPolicyKind.DEADLINE,
    8: QoSPolicyKind.LIVELINESS,
    11: QoSPolicyKind.RELIABILITY,
    13: QoSPolicyKind.HISTORY,
    21: QoSPolicyKind.LIFESPAN,
}


class EventHandler(Waitable):
    """Runs a callback in the executor when a match was refused."""

    def __init__(
        self,
        node: Any,
        callback_group: Any,
        callback: Callable[[QoSIncompatibleInfo], Any],
    ) -> None:
        super().__init__(node, callback_group)
        self.callback = callback
        self.endpoint: Endpoint | None = None

    def take_work(self) -> Work | None:
        """Return the callback when the status has changed."""
        if self._destroyed or self.endpoint is None or not self.endpoint.handle:
            return None
        status = self.endpoint.incompatible_qos()
        if not status.total_count_change:
            return None
        info = QoSIncompatibleInfo(
            status.total_count,
            status.total_count_change,
            _RmwPolicyKind(_POLICIES.get(status.last_policy_id, QoSPolicyKind.INVALID)),
        )
        return lambda: self.callback(info)


Callback = Callable[[Any], None]


@dataclass(kw_only=True)
class PublisherEventCallbacks:
    """Callbacks for events of a publisher."""

    deadline: Callback | None = None
    liveliness: Callback | None = None
    incompatible_qos: Callback | None = None
    incompatible_type: Callback | None = None
    matched: Callback | None = None
    use_default_callbacks: bool = True
    role = ('New subscription discovered on', 'requesting incompatible QoS')

    def handlers(self, node: Any, group: Any, topic: str) -> list[EventHandler]:
        """Return the handlers; without a callback of one's own a warning is logged."""
        for field in fields(self):
            if (
                field.name not in ('incompatible_qos', 'use_default_callbacks')
                and getattr(self, field.name) is not None
            ):
                raise NotImplementedError(f'{type(self).__name__}.{field.name}')
        callback = self.incompatible_qos
        if callback is None and self.use_default_callbacks:
            found, offer = self.role

            def callback(info: QoSIncompatibleInfo) -> None:
                node.get_logger().warning(
                    f"{found} topic '{topic}', {offer}. No messages will be "
                    f'{"sent to" if "subscription" in found else "received from"} it. '
                    f'Last incompatible policy: {qos_policy_name_from_kind(info.last_policy_kind)}'
                )

        return [EventHandler(node, group, callback)] if callback else []


@dataclass(kw_only=True)
class SubscriptionEventCallbacks(PublisherEventCallbacks):
    """Callbacks for events of a subscription."""

    message_lost: Callback | None = None
    role = ('New publisher discovered on', 'offering incompatible QoS')
