"""Base of actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from launch.launch_description_entity import LaunchDescriptionEntity

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class Action(LaunchDescriptionEntity):
    """Something to do, unless its condition says no."""

    def __init__(self, *, condition: Callable[[LaunchContext], bool] | None = None) -> None:
        self.condition = condition

    def visit(self, context: LaunchContext) -> list[Any] | None:
        """Execute if the condition holds."""
        if self.condition is not None and not self.condition(context):
            return None
        return self.execute(context)

    def execute(self, context: LaunchContext) -> list[Any] | None:
        """Do it; return the entities to visit next."""
        raise NotImplementedError(f'{type(self).__name__}.execute')
