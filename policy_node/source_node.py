"""ROS side of choosing the follower's command source."""

from __future__ import annotations

from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

SERVICE = '/follower/set_parameters'


class SourceChooser:
    """Sets the follower's `active_source`.

    Args:
        node: the owner.
        group: for the replies.
    """

    def __init__(self, node: Node, group: CallbackGroup) -> None:
        self._node = node
        self._client = node.create_client(SetParameters, SERVICE, callback_group=group)

    @property
    def is_ready(self) -> bool:
        """Whether the follower is there."""
        return bool(self._client.service_is_ready())

    def choose(self, source: str) -> None:
        """Let the follower obey a source; it closes up to it with a ramp."""
        if not self.is_ready:
            self._node.get_logger().warning(
                f'{SERVICE} is not there; the follower may not obey "{source}"'
            )
            return
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=source)
        parameter = ParameterMessage(name='active_source', value=value)
        self._client.call_async(SetParameters.Request(parameters=[parameter]))
