"""Waiting for one message."""

from __future__ import annotations

import time
from typing import Any

from rclpy.qos import QoSProfile

_POLL_S = 0.005


def wait_for_message(
    msg_type: Any,
    node: Any,
    topic: str,
    *,
    qos_profile: QoSProfile | int = 1,
    time_to_wait: float = -1,
) -> tuple[bool, Any]:
    """Return (True, message) for the next message, (False, None) on timeout or shutdown."""
    deadline = time.monotonic() + time_to_wait if time_to_wait >= 0 else float('inf')
    got: list[Any] = []
    subscription = node.create_subscription(msg_type, topic, got.append, qos_profile)
    try:
        while node.context.ok() and time.monotonic() < deadline:
            work = subscription.take_work()
            if work is not None:
                work()
            if got:
                return True, got[0]
            time.sleep(_POLL_S)
        return False, None
    finally:
        node.destroy_subscription(subscription)
