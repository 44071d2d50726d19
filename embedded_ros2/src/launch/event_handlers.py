"""Handlers for the common events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from launch.event import Event
from launch.event_handler import BaseEventHandler, EventHandler
from launch.events import Shutdown
from launch.events.process import ProcessExited, ProcessIO, ProcessStarted
from launch.utilities import as_entities

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = ['OnProcessExit', 'OnProcessIO', 'OnProcessStart', 'OnShutdown']


class _OnProcess(EventHandler):
    """Handler for one kind of event of one process, of those a function accepts, or of all."""

    event_type: type[Event]

    def __init__(self, target_action: Any, reaction: Any, handle_once: bool) -> None:
        def matches(event: Event) -> bool:
            if not isinstance(event, self.event_type):
                return False
            action = event.action  # type: ignore[attr-defined]
            if target_action is None or target_action is action:
                return True
            return (
                not hasattr(target_action, 'execute')
                and callable(target_action)
                and bool(target_action(action))
            )

        super().__init__(matcher=matches, entities=reaction, handle_once=handle_once)


class OnProcessStart(_OnProcess):
    """Reacts to the start of a process."""

    event_type = ProcessStarted

    def __init__(
        self,
        *,
        target_action: Any = None,
        on_start: Any,
        handle_once: bool = False,
    ) -> None:
        super().__init__(target_action, on_start, handle_once)


class OnProcessExit(_OnProcess):
    """Reacts to the end of a process."""

    event_type = ProcessExited

    def __init__(
        self,
        *,
        target_action: Any = None,
        on_exit: Any,
        handle_once: bool = False,
    ) -> None:
        super().__init__(target_action, on_exit, handle_once)


class OnProcessIO(_OnProcess):
    """Reacts to what a process writes; the functions get the event."""

    event_type = ProcessIO

    def __init__(
        self,
        *,
        target_action: Any = None,
        on_stdin: Any = None,
        on_stdout: Callable[[ProcessIO], Any] | None = None,
        on_stderr: Callable[[ProcessIO], Any] | None = None,
        handle_once: bool = False,
    ) -> None:
        if on_stdin is not None:
            raise NotImplementedError('OnProcessIO(on_stdin=...)')

        def react(event: Any, context: LaunchContext) -> Any:
            callback = on_stdout if event.from_stdout else on_stderr
            return callback(event) if callback is not None else None

        super().__init__(target_action, react, handle_once)


class OnShutdown(BaseEventHandler):
    """Reacts to the end of launch."""

    def __init__(self, *, on_shutdown: Any, handle_once: bool = False) -> None:
        super().__init__(matcher=lambda event: isinstance(event, Shutdown), handle_once=handle_once)
        self._on_shutdown = on_shutdown

    def handle(self, event: Event, context: LaunchContext) -> list[Any]:
        """Return the entities, or what the function (event, context) returns."""
        super().handle(event, context)
        if callable(self._on_shutdown):
            return as_entities(self._on_shutdown(event, context))
        return as_entities(self._on_shutdown)
