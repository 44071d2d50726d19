"""Actions that lead to other entities, and messages."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.actions.configuration import (
    PopEnvironment,
    PopLaunchConfigurations,
    PushEnvironment,
    PushLaunchConfigurations,
    SetLaunchConfiguration,
)
from launch.launch_description_source import LaunchDescriptionSource, PythonLaunchDescriptionSource
from launch.logging import get_logger
from launch.utilities import as_entities, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class OpaqueFunction(Action):
    """Calls a function (context, *args, **kwargs) that may return entities."""

    def __init__(
        self,
        *,
        function: Callable[..., Any],
        args: Iterable[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._function = function
        self._args = list(args or ())
        self._kwargs = kwargs or {}

    def execute(self, context: LaunchContext) -> list[Any]:
        """Call the function and return what it returns."""
        return as_entities(self._function(context, *self._args, **self._kwargs))


class LogInfo(Action):
    """Writes a message."""

    def __init__(self, *, msg: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.msg = msg

    def execute(self, context: LaunchContext) -> None:
        """Write it."""
        get_logger('launch.user').info(perform_substitutions(context, self.msg))


class GroupAction(Action):
    """Entities with a scope of configurations and environment of their own."""

    def __init__(
        self,
        actions: Iterable[Any],
        *,
        scoped: bool = True,
        forwarding: bool = True,
        launch_configurations: dict[Any, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not forwarding:
            raise NotImplementedError('GroupAction(forwarding=False)')
        self._actions = list(actions)
        self._scoped = scoped
        self._configurations = launch_configurations or {}

    def describe_sub_entities(self) -> list[Any]:
        """Return the entities."""
        return self._actions

    def execute(self, context: LaunchContext) -> list[Any]:
        """Return the entities between the ends of the scope."""
        entities = [SetLaunchConfiguration(k, v) for k, v in self._configurations.items()]
        entities += self._actions
        if not self._scoped:
            return entities
        return [
            PushLaunchConfigurations(),
            PushEnvironment(),
            *entities,
            PopEnvironment(),
            PopLaunchConfigurations(),
        ]


class _SetLocals(Action):
    """Sets the values that ThisLaunchFileDir and its like read."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__()
        self._values = values

    def execute(self, context: LaunchContext) -> None:
        context.extend_globals(self._values)


class IncludeLaunchDescription(Action):
    """Includes another launch description, with arguments for it."""

    def __init__(
        self,
        launch_description_source: Any,
        *,
        launch_arguments: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(launch_description_source, LaunchDescriptionSource):
            launch_description_source = PythonLaunchDescriptionSource(launch_description_source)
        self.launch_description_source = launch_description_source
        arguments = launch_arguments or ()
        self.launch_arguments = list(
            arguments.items() if isinstance(arguments, dict) else arguments
        )

    def describe_sub_entities(self) -> list[Any]:
        """Return the included description when its path is known without launching."""
        from launch.launch_context import LaunchContext

        try:
            return [self.launch_description_source.get_launch_description(LaunchContext())]
        except Exception:
            return []

    def execute(self, context: LaunchContext) -> list[Any]:
        """Return the arguments as configurations and the description."""
        path = os.path.abspath(self.launch_description_source.location(context))
        known = context.get_locals_as_dict()
        before = {
            key: known.get(key, '')
            for key in ('current_launch_file_path', 'current_launch_file_directory')
        }
        inside = {
            'current_launch_file_path': path,
            'current_launch_file_directory': os.path.dirname(path),
        }
        context.extend_globals(inside)
        description = self.launch_description_source.get_launch_description(context)
        settings = [SetLaunchConfiguration(name, value) for name, value in self.launch_arguments]
        return [*settings, _SetLocals(inside), description, _SetLocals(before)]
