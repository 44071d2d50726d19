"""``ros2 pkg``."""

from __future__ import annotations

import argparse
from typing import Any

from ament_index_python.executables import get_executable_paths
from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
    get_packages_with_prefixes,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    verbs: Any = parser.add_subparsers(title='Commands', metavar='')
    listing = verbs.add_parser('list', help='Output a list of available packages')
    listing.set_defaults(main=show_list)
    prefix = verbs.add_parser('prefix', help='Output the prefix path of a package')
    prefix.add_argument('--share', action='store_true', help='show the share directory')
    prefix.add_argument('package_name')
    prefix.set_defaults(main=show_prefix)
    executables = verbs.add_parser(
        'executables', help='Output a list of package specific executables'
    )
    executables.add_argument('--full-path', action='store_true', help='show full paths')
    executables.add_argument('package_name', nargs='?')
    executables.set_defaults(main=show_executables)


def show_list(options: argparse.Namespace) -> int:
    """Print the names of all packages."""
    for name in sorted(get_packages_with_prefixes()):
        print(name)
    return 0


def show_prefix(options: argparse.Namespace) -> int | str:
    """Print the prefix or share directory of a package."""
    find = get_package_share_directory if options.share else get_package_prefix
    try:
        print(find(options.package_name))
    except PackageNotFoundError:
        return 'Package not found'
    return 0


def show_executables(options: argparse.Namespace) -> int | str:
    """Print the executables of one package, or of all."""
    names = [options.package_name] if options.package_name else sorted(get_packages_with_prefixes())
    for name in names:
        try:
            paths = get_executable_paths(name)
        except PackageNotFoundError:
            return 'Package not found'
        for executable, path in paths.items():
            print(path if options.full_path else f'{name} {executable}')
    return 0
