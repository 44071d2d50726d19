"""Guard conditions: callbacks triggered by the program itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy._waitable import Waitable, Work


class GuardCondition(Waitable):
    """Runs its callback in the executor once after each trigger."""

    def __init__(
        self,
        callback: Callable[[], Any] | None,
        callback_group: Any,
        context: Any,
        node: Any = None,
    ) -> None:
        super().__init__(node, callback_group)
        self.callback = callback
        self._triggered = False

    def trigger(self) -> None:
        """Ask for the callback; callable from any thread."""
        self.require_alive()
        self._triggered = True
        self.notify()

    def take_work(self) -> Work | None:
        """Return the callback after a trigger."""
        if not self._triggered:
            return None
        self._triggered = False
        return self.callback or (lambda: None)
