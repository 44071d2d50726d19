"""Executables of packages, for ``ros2 run`` and for nodes in launch files.

An executable is a file ``<prefix>/lib/<package>/<name>`` as in every ROS 2 installation, or else a
console script of the installed Python distribution of that name.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from ament_index_python.packages import get_package_prefix


def get_executable_paths(package_name: str) -> dict[str, str]:
    """Return the paths of a package's executables by name; raise if there is no such package."""
    directory = Path(get_package_prefix(package_name), 'lib', package_name)
    found = {**_console_scripts(package_name)}
    if directory.is_dir():
        for path in directory.iterdir():
            if path.is_file() and os.access(path, os.X_OK):
                found[path.name] = str(path)
    return dict(sorted(found.items()))


def _console_scripts(package_name: str) -> dict[str, str]:
    try:
        entry_points = distribution(package_name).entry_points
    except PackageNotFoundError:
        return {}
    scripts = Path(sys.prefix, 'bin')
    paths = {
        point.name: scripts / point.name
        for point in entry_points
        if point.group == 'console_scripts'
    }
    return {name: str(path) for name, path in paths.items() if path.is_file()}
