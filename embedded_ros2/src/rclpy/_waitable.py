"""What executors know about the things that have callbacks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy.exceptions import InvalidHandle

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup

Work = Callable[[], Any]


class Waitable:
    """Something that becomes ready and then has work for an executor."""

    def __init__(self, node: Any, callback_group: CallbackGroup | None) -> None:
        self.node = node
        self.callback_group = callback_group
        self.queued = False
        self._destroyed = False
        self._use = threading.Lock()
        if callback_group is not None:
            callback_group.add_entity(self)

    def notify(self, *_: Any) -> None:
        """Tell the executor of the node that there may be work; callable from any thread."""
        node = self.node
        executor = node.executor if node is not None else None
        if executor is not None:
            executor.enqueue(self)

    def take_work(self) -> Work | None:
        """Return what is to be done now, as a call without arguments, or None."""
        raise NotImplementedError

    def require_alive(self) -> None:
        """Raise InvalidHandle after destruction."""
        if self._destroyed:
            raise InvalidHandle(f'cannot use Destroyable because destruction was requested: {self}')

    def destroy(self) -> None:
        """End the use of this entity."""
        self._destroyed = True
