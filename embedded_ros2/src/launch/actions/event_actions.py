"""Actions around events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.event import Event
from launch.event_handler import BaseEventHandler, EventHandler
from launch.events import Shutdown as ShutdownEvent
from launch.events import TimerEvent
from launch.utilities import as_entities, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class RegisterEventHandler(Action):
    """Registers an event handler."""

    def __init__(self, event_handler: BaseEventHandler, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event_handler = event_handler

    def execute(self, context: LaunchContext) -> None:
        """Register it."""
        context.register_event_handler(self.event_handler)


class UnregisterEventHandler(Action):
    """Removes an event handler."""

    def __init__(self, event_handler: BaseEventHandler, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event_handler = event_handler

    def execute(self, context: LaunchContext) -> None:
        """Remove it."""
        context.unregister_event_handler(self.event_handler)


class EmitEvent(Action):
    """Emits an event."""

    def __init__(self, *, event: Event, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event = event

    def execute(self, context: LaunchContext) -> None:
        """Emit it."""
        context.emit_event_sync(self.event)


class Shutdown(EmitEvent):
    """Ends launch; as an ``on_exit`` it names the process that ended."""

    def __init__(self, *, reason: Any = 'reason not given', **kwargs: Any) -> None:
        super().__init__(event=ShutdownEvent(reason=''), **kwargs)
        self._reason = reason

    def execute(self, context: LaunchContext) -> None:
        """Emit the event."""
        reason = perform_substitutions(context, self._reason)
        event: Any = context.get_locals_as_dict().get('event')
        if reason == 'reason not given' and hasattr(event, 'process_name'):
            reason = f'{event.process_name} [{event.pid}] ended'
        context.emit_event_sync(ShutdownEvent(reason=reason))


class TimerAction(Action):
    """Visits entities after a time in seconds."""

    def __init__(self, *, period: Any, actions: Iterable[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.period = period
        self.actions = list(actions)
        self._handle: asyncio.TimerHandle | None = None
        self._done: asyncio.Future[None] | None = None

    def describe_sub_entities(self) -> list[Any]:
        """Return the entities."""
        return self.actions

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Return what is done when the timer has fired or was cancelled."""
        return self._done

    def cancel(self) -> None:
        """Leave the entities out."""
        if self._handle is not None:
            self._handle.cancel()
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def execute(self, context: LaunchContext) -> None:
        """Start the timer."""
        period = (
            self.period
            if isinstance(self.period, (int, float))
            else perform_substitutions(context, self.period)
        )
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()

        def fire() -> None:
            context.emit_event_sync(TimerEvent(timer_action=self))

        def visit(event: Event, context: LaunchContext) -> list[Any]:
            self.cancel()
            return as_entities(self.actions)

        self._handle = loop.call_later(float(period), fire)
        context.register_event_handler(
            EventHandler(
                matcher=lambda event: isinstance(event, TimerEvent) and event.timer_action is self,
                entities=visit,
                handle_once=True,
            )
        )
        context.register_event_handler(
            EventHandler(
                matcher=lambda event: isinstance(event, ShutdownEvent),
                entities=lambda event, context: self.cancel(),
            )
        )
