"""ROS side of choosing the follower's command source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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

    def choose(self, source: str, answered: Callable[[str], None] | None = None) -> None:
        """Let the follower obey a source; it closes up to it with a ramp.

        Args:
            source: of the follower's.
            answered: gets '' when it obeys, else why not. A robot without such a parameter is
                warned of only: it may have other ways.
        """
        tell = answered or self._warn
        if not self.is_ready:
            self._warn(f'{SERVICE} is not there; the follower may not obey "{source}"')
            tell('')
            return
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=source)
        parameter = ParameterMessage(name='active_source', value=value)

        def on_reply(future: Any) -> None:
            results = future.result().results
            if results and not results[0].successful:
                tell(f'the follower does not obey "{source}": {results[0].reason}')
            else:
                tell('')

        request = SetParameters.Request(parameters=[parameter])
        self._client.call_async(request).add_done_callback(on_reply)

    def _warn(self, text: str) -> None:
        if text:
            self._node.get_logger().warning(text)
