"""Event handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from launch.event import Event
from launch.utilities import as_entities

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class BaseEventHandler:
    """Answers events that its matcher accepts."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        handle_once: bool = False,
    ) -> None:
        self._matcher = matcher
        self.handle_once = handle_once

    def matches(self, event: Event) -> bool:
        """Return whether the event is one for this handler."""
        return self._matcher(event)

    def handle(self, event: Event, context: LaunchContext) -> list[Any]:
        """Return the entities to visit because of the event."""
        context.extend_locals({'event': event})
        if self.handle_once:
            context.unregister_event_handler(self)
        return []


class EventHandler(BaseEventHandler):
    """A handler with entities, or with a function (event, context) that returns them."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: Any = None,
        handle_once: bool = False,
    ) -> None:
        super().__init__(matcher=matcher, handle_once=handle_once)
        self.entities = entities

    def handle(self, event: Event, context: LaunchContext) -> list[Any]:
        """Return the entities, or what the function returns."""
        super().handle(event, context)
        if callable(self.entities):
            return as_entities(self.entities(event, context))
        return as_entities(self.entities)
