"""Earlier place of :mod:`rclpy.event_handler`."""

from rclpy.event_handler import (
    PublisherEventCallbacks,
    QoSOfferedIncompatibleQoSInfo,
    QoSPublisherEventType,
    QoSRequestedIncompatibleQoSInfo,
    QoSSubscriptionEventType,
    SubscriptionEventCallbacks,
    UnsupportedEventTypeError,
)

__all__ = [
    'PublisherEventCallbacks',
    'QoSOfferedIncompatibleQoSInfo',
    'QoSPublisherEventType',
    'QoSRequestedIncompatibleQoSInfo',
    'QoSSubscriptionEventType',
    'SubscriptionEventCallbacks',
    'UnsupportedEventTypeError',
]
