"""State of a running launch."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from launch.event import Event
from launch.substitution import Substitution

if TYPE_CHECKING:
    from launch.event_handler import BaseEventHandler


class LaunchContext:
    """Configurations, environment, event queue and event handlers."""

    def __init__(self, *, argv: Iterable[str] | None = None, noninteractive: bool = False) -> None:
        self.argv = list(argv) if argv is not None else []
        self.noninteractive = noninteractive
        self.launch_configurations: dict[str, str] = {}
        self.environment = os.environ
        self.is_shutdown = False
        self.asyncio_loop: asyncio.AbstractEventLoop | None = None
        self.event_queue: asyncio.Queue[Event] = asyncio.Queue()
        self.event_handlers: deque[BaseEventHandler] = deque()
        self._globals: dict[str, Any] = {}
        self._locals: list[dict[str, Any]] = []
        self._configuration_stack: list[dict[str, str]] = []
        self._environment_stack: list[dict[str, str]] = []

    # Values that entities share

    @property
    def locals(self) -> Any:
        """The shared values as attributes."""
        return _Attributes(self.get_locals_as_dict())

    def get_locals_as_dict(self) -> dict[str, Any]:
        """Return the shared values, inner scopes over outer ones."""
        values = dict(self._globals)
        for scope in self._locals:
            values.update(scope)
        return values

    def extend_globals(self, values: dict[str, Any]) -> None:
        """Share values until the end."""
        self._globals.update(values)

    def extend_locals(self, values: dict[str, Any]) -> None:
        """Share values until the present scope ends."""
        (self._locals[-1] if self._locals else self._globals).update(values)

    def push_locals(self) -> None:
        """Begin a scope of shared values."""
        self._locals.append({})

    def pop_locals(self) -> None:
        """End a scope of shared values."""
        self._locals.pop()

    # Scopes of configurations and environment

    def push_launch_configurations(self) -> None:
        """Begin a scope of configurations."""
        self._configuration_stack.append(dict(self.launch_configurations))

    def pop_launch_configurations(self) -> None:
        """End a scope of configurations."""
        self.launch_configurations = self._configuration_stack.pop()

    def push_environment(self) -> None:
        """Begin a scope of environment variables."""
        self._environment_stack.append(dict(os.environ))

    def pop_environment(self) -> None:
        """End a scope of environment variables."""
        saved = self._environment_stack.pop()
        for name in os.environ.keys() - saved.keys():
            del os.environ[name]
        os.environ.update(saved)

    # Events

    def register_event_handler(self, event_handler: BaseEventHandler, append: bool = False) -> None:
        """Let a handler see events, before the others unless append."""
        if append:
            self.event_handlers.append(event_handler)
        else:
            self.event_handlers.appendleft(event_handler)

    def unregister_event_handler(self, event_handler: BaseEventHandler) -> None:
        """Remove a handler; raise ValueError if it is not there."""
        self.event_handlers.remove(event_handler)

    def emit_event_sync(self, event: Event) -> None:
        """Put an event into the queue."""
        self.event_queue.put_nowait(event)

    async def emit_event(self, event: Event) -> None:
        """Put an event into the queue."""
        self.emit_event_sync(event)

    def perform_substitution(self, sub: Substitution) -> str:
        """Return the text of a substitution."""
        return sub.perform(self)


class _Attributes:
    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)
