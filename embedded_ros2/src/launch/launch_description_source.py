"""Sources of launch descriptions: files."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from launch.launch_description import LaunchDescription
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class InvalidPythonLaunchFileError(Exception):
    """A file has no generate_launch_description function."""


def get_launch_description_from_python_launch_file(path: str) -> LaunchDescription:
    """Execute a launch file and return its description."""
    spec = importlib.util.spec_from_file_location('python_launch_file', path)
    if spec is None or spec.loader is None:
        raise InvalidPythonLaunchFileError(f"'{path}' is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, 'generate_launch_description'):
        raise InvalidPythonLaunchFileError(
            f"launch file at '{path}' does not contain the required function "
            "'generate_launch_description()'"
        )
    return module.generate_launch_description()  # type: ignore[no-any-return]


class LaunchDescriptionSource:
    """A description that is given, or read from a file when it is needed."""

    def __init__(
        self,
        launch_description: LaunchDescription | None = None,
        location: Any = '',
    ) -> None:
        self._description = launch_description
        self._location = normalize_to_list_of_substitutions(location)

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        """Return the description."""
        if self._description is None:
            self._description = self._read(perform_substitutions(context, self._location))
        return self._description

    def _read(self, location: str) -> LaunchDescription:
        if not location.endswith('.py'):
            raise NotImplementedError(f'launch files that are not Python: {location}')
        return get_launch_description_from_python_launch_file(location)

    def location(self, context: LaunchContext) -> str:
        """Return the path of the file."""
        return perform_substitutions(context, self._location)


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """A Python launch file."""

    def __init__(self, launch_file_path: Any) -> None:
        super().__init__(None, launch_file_path)


AnyLaunchDescriptionSource = PythonLaunchDescriptionSource
