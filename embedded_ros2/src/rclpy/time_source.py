"""Simulated time: the parameter use_sim_time and the topic /clock."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import ROSClock
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from rosgraph_msgs.msg import Clock as ClockMsg

CLOCK_TOPIC = '/clock'
USE_SIM_TIME_NAME = 'use_sim_time'


class TimeSource:
    """Drives a node's clock from /clock while its parameter use_sim_time is true."""

    def __init__(self, node: Any, clock: ROSClock) -> None:
        self._node = node
        self._clock = clock
        self._subscription: Any = None
        if not node.has_parameter(USE_SIM_TIME_NAME):
            node.declare_parameter(USE_SIM_TIME_NAME, False)
        self._activate(node.get_parameter(USE_SIM_TIME_NAME).value)
        node.add_on_set_parameters_callback(self._on_set)

    @property
    def ros_time_is_active(self) -> bool:
        """Whether the clock follows /clock."""
        return self._subscription is not None

    def _on_set(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == USE_SIM_TIME_NAME:
                if parameter.type_ is not Parameter.Type.BOOL:
                    return SetParametersResult(
                        successful=False,
                        reason='use_sim_time parameter set to something besides a bool',
                    )
                self._activate(parameter.value)
        return SetParametersResult(successful=True)

    def _activate(self, enabled: bool) -> None:
        if enabled == self.ros_time_is_active:
            return
        self._clock._set_ros_time_is_active(enabled)
        if enabled:
            self._subscription = self._node.create_subscription(
                ClockMsg,
                CLOCK_TOPIC,
                self._receive,
                QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
            )
        else:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _receive(self, message: Any) -> None:
        self._clock.set_ros_time_override(Time.from_msg(message.clock))
