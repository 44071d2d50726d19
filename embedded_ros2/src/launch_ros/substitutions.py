"""Substitutions around ROS packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ament_index_python.executables import get_executable_paths
from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch.substitution import Substitution
from launch.substitutions import SubstitutionFailure
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class FindPackagePrefix(Substitution):
    """The prefix a package is installed in."""

    def __init__(self, package: Any) -> None:
        self.package = normalize_to_list_of_substitutions(package)

    def find(self, package: str) -> str:
        """Return what is looked for."""
        return get_package_prefix(package)

    def perform(self, context: LaunchContext) -> str:
        """Return the directory."""
        return self.find(perform_substitutions(context, self.package))


FindPackage = FindPackagePrefix


class FindPackageShare(FindPackagePrefix):
    """The share directory of a package."""

    def find(self, package: str) -> str:
        """Return the share directory."""
        return get_package_share_directory(package)


class ExecutableInPackage(Substitution):
    """The path of an executable of a package."""

    def __init__(self, executable: Any, package: Any) -> None:
        self.executable = normalize_to_list_of_substitutions(executable)
        self.package = normalize_to_list_of_substitutions(package)

    def perform(self, context: LaunchContext) -> str:
        """Return the path."""
        name = perform_substitutions(context, self.executable)
        package = perform_substitutions(context, self.package)
        try:
            return get_executable_paths(package)[name]
        except KeyError:
            raise SubstitutionFailure(
                f"executable '{name}' not found on the libexec directory of '{package}'"
            ) from None
