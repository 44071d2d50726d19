"""Base of everything a launch description consists of."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class LaunchDescriptionEntity:
    """Something that can be visited while launching."""

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do what is to be done and return the entities to visit next."""
        raise NotImplementedError(f'{type(self).__name__}.visit')

    def describe_sub_entities(self) -> list[Any]:
        """Return the entities inside this one that are known without launching."""
        return []

    def get_asyncio_future(self) -> asyncio.Future[Any] | None:
        """Return what launch must wait for before it may end."""
        return None
