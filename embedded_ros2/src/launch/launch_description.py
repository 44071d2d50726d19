"""Launch descriptions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from launch.launch_description_entity import LaunchDescriptionEntity

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class LaunchDescription(LaunchDescriptionEntity):
    """A list of entities that are visited in order."""

    def __init__(
        self,
        initial_entities: Iterable[LaunchDescriptionEntity] | None = None,
        *,
        deprecated_reason: str | None = None,
    ) -> None:
        self.entities: list[Any] = list(initial_entities or ())
        self.deprecated_reason = deprecated_reason

    def visit(self, context: LaunchContext) -> list[Any]:
        """Return the entities."""
        return self.entities

    def describe_sub_entities(self) -> list[Any]:
        """Return the entities."""
        return self.entities

    def add_action(self, action: LaunchDescriptionEntity) -> None:
        """Add an action at the end."""
        self.entities.append(action)

    def add_entity(self, entity: LaunchDescriptionEntity) -> None:
        """Add an entity at the end."""
        self.entities.append(entity)

    def get_launch_arguments(self, conditional_inclusion: bool = False) -> list[Any]:
        """Return the declared arguments, also those in groups and included files."""
        from launch.actions import DeclareLaunchArgument

        found: dict[str, Any] = {}

        def search(entities: Iterable[Any]) -> None:
            for entity in entities:
                if isinstance(entity, DeclareLaunchArgument):
                    found.setdefault(entity.name, entity)
                else:
                    search(entity.describe_sub_entities())

        search(self.entities)
        return list(found.values())
