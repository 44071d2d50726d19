"""The ear of a node: its data subscriptions, in an executor of one thread for nothing else.

Whatever waits (a service for the disk or the arm, a query of the graph) runs in the owner's
executor and never delays a message. An executor takes whole nodes, so the subscriptions are on a
node of their own beside the owner, which tools hide for its leading underscore.

One node would need a multi-threaded executor, with which messages are late and lost on Fast DDS,
or services that are coroutines, which rclpy up to Jazzy steps without pause while they wait.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile

from so101_driver.ros.base_node import Stop

# How long a close waits at the most for an idle executor to look up.
_LOOK_UP_S = 0.2


class DataListener:
    """Hears topics for an owner, in a thread of its own.

    A callback that raises ends the process with exit code 1, as one of the owner's does.

    Args:
        owner: whose names, remaps and context count.
        stop: ends the process.
    """

    def __init__(self, owner: Node, stop: Stop) -> None:
        self._owner = owner
        self._stop = stop
        # The process's own arguments would give this node the owner's name; topics are resolved
        # by the owner, remaps included.
        self.node = Node(
            f'_{owner.get_name()}_data',
            context=owner.context,
            namespace=owner.get_namespace(),
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=owner.context)
        self._executor.add_node(self.node)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin, name='data', daemon=True)

    def subscribe(
        self, message_type: Any, topic: str, callback: Callable[[Any], None], qos: QoSProfile
    ) -> None:
        """Call back in the listener's thread for every message of a topic; from any thread."""
        name = self._owner.resolve_topic_name(topic)
        self.node.create_subscription(message_type, name, callback, qos)

    def start(self) -> None:
        """Begin to hear."""
        self._thread.start()

    def close(self) -> None:
        """Hear nothing any more; closing twice is fine."""
        self._ending.set()
        if self._thread.is_alive():
            self._executor.wake()
            self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()

    def _spin(self) -> None:
        try:
            while not self._ending.is_set():
                self._executor.spin_once(timeout_sec=_LOOK_UP_S)
        except Exception:
            if self._ending.is_set() or not self._owner.context.ok():
                return
            traceback.print_exc()
            self._stop('error in a data callback', 1)
