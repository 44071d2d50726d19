"""Events of the launch system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from launch.event import Event
from launch.events import process

__all__ = ['ExecutionComplete', 'Shutdown', 'TimerEvent', 'matches_action', 'process']


class Shutdown(Event):
    """Launch is to end."""

    name = 'launch.events.Shutdown'

    def __init__(
        self,
        *,
        reason: str = 'reason not given',
        due_to_sigint: bool = False,
        **_: Any,
    ) -> None:
        self.reason = reason
        self.due_to_sigint = due_to_sigint


class TimerEvent(Event):
    """The time of a TimerAction has come."""

    name = 'launch.events.TimerEvent'

    def __init__(self, *, timer_action: Any) -> None:
        self.timer_action = timer_action


class ExecutionComplete(Event):
    """An action has ended."""

    name = 'launch.events.ExecutionComplete'

    def __init__(self, *, action: Any) -> None:
        self.action = action


def matches_action(target_action: Any) -> Callable[[Any], bool]:
    """Return a matcher for the events of one process."""
    return lambda action: action is target_action
