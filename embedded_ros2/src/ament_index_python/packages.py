"""Look-up of packages in the ament index.

The index is searched in the prefixes of AMENT_PREFIX_PATH, then in ``sys.prefix``: there pip
installs the data files of a package.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

_MARKERS = Path('share', 'ament_index', 'resource_index', 'packages')
_VALID = re.compile(r'[A-Za-z0-9_.-]+')


class PackageNotFoundError(KeyError):
    """No prefix has the package."""

    def __str__(self) -> str:
        return str(self.args[0])


def search_paths() -> list[str]:
    """Return the prefixes in the order in which they are searched."""
    listed = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    paths = [path for path in listed if path and os.path.isdir(path)]
    return paths + [sys.prefix] if sys.prefix not in paths else paths


def get_package_prefix(package_name: str) -> str:
    """Return the prefix that a package is installed in.

    Raises:
        ValueError: The name contains characters that package names cannot have.
        PackageNotFoundError: No prefix has the package.
    """
    if not _VALID.fullmatch(package_name):
        raise ValueError(f"'{package_name}' is not a valid package name")
    for prefix in search_paths():
        if (Path(prefix) / _MARKERS / package_name).is_file():
            return prefix
    raise PackageNotFoundError(f"package '{package_name}' not found, searching: {search_paths()}")


def get_package_share_directory(package_name: str, print_warning: bool = True) -> str:
    """Return the directory of a package's launch files, configuration and other data."""
    path = os.path.join(get_package_prefix(package_name), 'share', package_name)
    if print_warning and not os.path.exists(path):
        print(f'Share directory {path} does not exist', file=sys.stderr)
    return path


def get_package_share_path(package_name: str, print_warning: bool = True) -> Path:
    """Return get_package_share_directory as a path object."""
    return Path(get_package_share_directory(package_name, print_warning))


def get_packages_with_prefixes() -> dict[str, str]:
    """Return the prefix of every package by name."""
    found: dict[str, str] = {}
    for prefix in reversed(search_paths()):
        markers = Path(prefix) / _MARKERS
        if markers.is_dir():
            found.update({marker.name: prefix for marker in markers.iterdir()})
    return found
