"""The two clocks of a node."""

from __future__ import annotations

import time

from rclpy.node import Node


class RosClock:
    """The node's clock and the steady one."""

    def __init__(self, node: Node) -> None:
        self._clock = node.get_clock()

    @property
    def simulated(self) -> bool:
        """Whether ROS time comes from /clock."""
        return bool(self._clock.ros_time_is_active)

    def now_ns(self) -> int:
        """ROS time."""
        return int(self._clock.now().nanoseconds)

    def steady_ns(self) -> int:
        """Steady time."""
        return time.monotonic_ns()
