"""``ros2 launch``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import (
    AnyLaunchDescriptionSource,
    get_launch_description_from_python_launch_file,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        '-n',
        '--noninteractive',
        action='store_true',
        default=not _has_terminal(),
        help='run without a terminal: pass SIGINT on to the processes',
    )
    parser.add_argument('-d', '--debug', action='store_true', help='show debug messages')
    parser.add_argument(
        '-p',
        '--print',
        '--print-description',
        dest='print',
        action='store_true',
        help='print the launch description',
    )
    parser.add_argument(
        '-s',
        '--show-args',
        '--show-arguments',
        dest='show',
        action='store_true',
        help='show the arguments of the launch file',
    )
    parser.add_argument(
        '--launch-prefix', help='words to put in front of the commands of all processes'
    )
    parser.add_argument('package_name', help='package, or path of a launch file')
    parser.add_argument('launch_file_name', nargs='?', help='launch file of the package')
    parser.add_argument(
        'launch_arguments', nargs='*', help="arguments as '<name>:=<value>'; the last one wins"
    )
    parser.set_defaults(main=main)


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def main(options: argparse.Namespace) -> int:
    """Launch the file, or show its arguments."""
    arguments = list(options.launch_arguments)
    if os.path.isfile(options.package_name):
        path = options.package_name
        if options.launch_file_name is not None:
            arguments.insert(0, options.launch_file_name)
    else:
        if options.launch_file_name is None:
            raise RuntimeError(
                'a package name and a launch file name are required, or the path of a launch file'
                f": '{options.package_name}' is no file"
            )
        path = find_launch_file(options.package_name, options.launch_file_name)
    path = os.path.abspath(path)
    if options.print:
        raise NotImplementedError('ros2 launch --print-description')
    if options.show:
        show_arguments(path)
        return 0
    parsed = parse_launch_arguments(arguments)
    if options.launch_prefix:
        parsed.append(('launch-prefix', options.launch_prefix))
    service = LaunchService(
        argv=arguments, noninteractive=options.noninteractive, debug=options.debug
    )
    service.include_launch_description(
        LaunchDescription(
            [IncludeLaunchDescription(AnyLaunchDescriptionSource(path), launch_arguments=parsed)]
        )
    )
    return service.run()


def find_launch_file(package: str, name: str) -> str:
    """Return the path of a launch file in the share directory of a package."""
    try:
        share = get_package_share_directory(package)
    except PackageNotFoundError as error:
        raise RuntimeError(f"Package '{package}' not found: {error}") from None
    found = sorted(str(path) for path in Path(share).rglob(name) if path.is_file())
    if not found:
        raise RuntimeError(
            f"file '{name}' was not found in the share directory of package '{package}' which is "
            f"at '{share}'"
        )
    if len(found) > 1:
        raise RuntimeError(
            f"file '{name}' was found more than once in the share directory of package "
            f"'{package}': {found}"
        )
    return found[0]


def parse_launch_arguments(arguments: list[str]) -> list[tuple[str, str]]:
    """Return names and values; raise RuntimeError for what is not name:=value."""
    parsed: dict[str, str] = {}
    for argument in arguments:
        name, _, value = argument.partition(':=')
        if not name or not value:
            raise RuntimeError(
                f"malformed launch argument '{argument}', expected format '<name>:=<value>'"
            )
        parsed[name] = value
    return list(parsed.items())


def show_arguments(path: str) -> None:
    """Print the arguments of a launch file."""
    description = get_launch_description_from_python_launch_file(path)
    print("Arguments (pass arguments as '<name>:=<value>'):")
    declared = description.get_launch_arguments()
    for argument in declared:
        print(f"\n    '{argument.name}':\n        {argument.description}")
        if argument.default_value is not None:
            default = ' + '.join(token.describe() for token in argument.default_value)
            print(f'        (default: {default or chr(39) * 2})')
    if not declared:
        print('\n  No arguments.')
