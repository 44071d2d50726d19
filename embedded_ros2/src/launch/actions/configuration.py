"""Actions that change launch configurations and the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class DeclareLaunchArgument(Action):
    """Declares an argument; its value becomes a launch configuration."""

    def __init__(
        self,
        name: str,
        *,
        default_value: Any = None,
        description: str | None = None,
        choices: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if choices is not None and not choices:
            raise ValueError('"choices" must be a non-empty list of strings')
        if isinstance(default_value, str) and choices and default_value not in choices:
            raise ValueError(
                f'Provided default_value "{default_value}" is not in provided choices "{choices}".'
            )
        self.name = name
        self.default_value = (
            None if default_value is None else normalize_to_list_of_substitutions(default_value)
        )
        self.choices = choices
        if description is None:
            self.description = (
                'no description given' if choices is None else f'One of the following: {choices}'
            )
        else:
            self.description = (
                description if choices is None else f'{description}. Valid choices are: {choices}'
            )

    def execute(self, context: LaunchContext) -> None:
        """Set the default unless a value was given; refuse values that are no choices."""
        if self.name not in context.launch_configurations:
            if self.default_value is None:
                raise RuntimeError(
                    f'Required launch argument "{self.name}" (description: "{self.description}") '
                    'was not provided'
                )
            context.launch_configurations[self.name] = perform_substitutions(
                context, self.default_value
            )
        value = context.launch_configurations[self.name]
        if self.choices is not None and value not in self.choices:
            raise RuntimeError(
                f'Argument "{self.name}" provided value "{value}" is not valid. '
                f'Valid options are: {self.choices}'
            )


class SetLaunchConfiguration(Action):
    """Sets a launch configuration."""

    def __init__(self, name: Any, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._name, self._value = name, value

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        name = perform_substitutions(context, self._name)
        context.launch_configurations[name] = perform_substitutions(context, self._value)


class UnsetLaunchConfiguration(Action):
    """Removes a launch configuration."""

    def __init__(self, name: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._name = name

    def execute(self, context: LaunchContext) -> None:
        """Remove it."""
        context.launch_configurations.pop(perform_substitutions(context, self._name), None)


class SetEnvironmentVariable(Action):
    """Sets an environment variable of launch and of what it starts."""

    def __init__(self, name: Any, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._name, self._value = name, value

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        name = perform_substitutions(context, self._name)
        os.environ[name] = perform_substitutions(context, self._value)


class UnsetEnvironmentVariable(Action):
    """Removes an environment variable."""

    def __init__(self, name: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._name = name

    def execute(self, context: LaunchContext) -> None:
        """Remove it."""
        os.environ.pop(perform_substitutions(context, self._name), None)


class AppendEnvironmentVariable(Action):
    """Appends to an environment variable, or prepends."""

    def __init__(
        self,
        name: Any,
        value: Any,
        prepend: bool = False,
        separator: str = os.pathsep,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._name, self._value = name, value
        self._prepend, self._separator = prepend, separator

    def execute(self, context: LaunchContext) -> None:
        """Set the longer value."""
        name = perform_substitutions(context, self._name)
        parts = [os.environ[name]] if os.environ.get(name) else []
        value = perform_substitutions(context, self._value)
        parts.insert(0 if self._prepend else len(parts), value)
        os.environ[name] = self._separator.join(parts)


class PushLaunchConfigurations(Action):
    """Begins a scope of launch configurations."""

    def execute(self, context: LaunchContext) -> None:
        """Begin it."""
        context.push_launch_configurations()


class PopLaunchConfigurations(Action):
    """Ends a scope of launch configurations."""

    def execute(self, context: LaunchContext) -> None:
        """End it."""
        context.pop_launch_configurations()


class PushEnvironment(Action):
    """Begins a scope of the environment."""

    def execute(self, context: LaunchContext) -> None:
        """Begin it."""
        context.push_environment()


class PopEnvironment(Action):
    """Ends a scope of the environment."""

    def execute(self, context: LaunchContext) -> None:
        """End it."""
        context.pop_environment()
