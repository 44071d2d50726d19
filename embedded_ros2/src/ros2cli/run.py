"""``ros2 run``."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import subprocess

from ament_index_python.executables import get_executable_paths
from ament_index_python.packages import PackageNotFoundError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument('--prefix', help='words to put in front of the command')
    parser.add_argument('package_name', help='name of the package')
    parser.add_argument('executable_name', help='name of the executable')
    parser.add_argument('argv', nargs=argparse.REMAINDER, help='arguments for the executable')
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int | str:
    """Run the executable and return its exit code."""
    try:
        paths = get_executable_paths(options.package_name)
    except PackageNotFoundError:
        return f"Package '{options.package_name}' not found"
    if options.executable_name not in paths:
        return 'No executable found'
    command = [*shlex.split(options.prefix or ''), paths[options.executable_name], *options.argv]
    return run_child(command)


def run_child(command: list[str]) -> int:
    """Run a command to its end and return its exit code, negative for a signal.

    Ctrl-C reaches the child by itself and is waited for; no signal is passed on.
    """
    with subprocess.Popen(command) as child:
        while child.returncode is None:
            with contextlib.suppress(KeyboardInterrupt):
                child.wait()
    code = child.returncode
    if code < 0:
        print(f'[ros2run]: {signal.strsignal(-code)}', flush=True)
    elif code > 0:
        print(f'[ros2run]: Process exited with failure {code}', flush=True)
    return code
