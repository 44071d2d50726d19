"""Callback groups: which callbacks may run at the same time."""

from __future__ import annotations

import threading
import weakref
from typing import Any


class CallbackGroup:
    """Entities whose callbacks follow one rule."""

    def __init__(self) -> None:
        self._entities: weakref.WeakSet[Any] = weakref.WeakSet()

    def add_entity(self, entity: Any) -> None:
        """Put an entity under the rule."""
        self._entities.add(entity)

    def has_entity(self, entity: Any) -> bool:
        """Return whether an entity belongs to the group."""
        return entity in self._entities

    def can_execute(self, entity: Any) -> bool:
        """Return whether a callback could begin now."""
        raise NotImplementedError

    def beginning_execution(self, entity: Any) -> bool:
        """Claim the right to execute; return False when it is not given."""
        raise NotImplementedError

    def ending_execution(self, entity: Any) -> None:
        """Give the right back."""
        raise NotImplementedError


class ReentrantCallbackGroup(CallbackGroup):
    """Callbacks of the group may run at the same time, also with themselves."""

    def can_execute(self, entity: Any) -> bool:
        """Return True."""
        return True

    def beginning_execution(self, entity: Any) -> bool:
        """Return True."""
        return True

    def ending_execution(self, entity: Any) -> None:
        """Do nothing."""


class MutuallyExclusiveCallbackGroup(CallbackGroup):
    """One callback of the group runs at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._active: Any = None
        self._lock = threading.Lock()

    def can_execute(self, entity: Any) -> bool:
        """Return whether no callback of the group is running."""
        return self._active is None

    def beginning_execution(self, entity: Any) -> bool:
        """Claim the group; return False when it is taken."""
        with self._lock:
            if self._active is not None:
                return False
            self._active = entity
            return True

    def ending_execution(self, entity: Any) -> None:
        """Release the group."""
        with self._lock:
            self._active = None
