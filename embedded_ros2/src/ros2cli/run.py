"""``ros2 run``."""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
from types import FrameType

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
    """Run the executable; signals and the exit code are handed through."""
    try:
        paths = get_executable_paths(options.package_name)
    except PackageNotFoundError:
        return f"Package '{options.package_name}' not found"
    if options.executable_name not in paths:
        return 'No executable found'
    command = [*shlex.split(options.prefix or ''), paths[options.executable_name], *options.argv]
    return run_child(command)


def run_child(command: list[str]) -> int:
    """Run a command to its end and return its exit code, as a shell would for signals."""
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        if child is None:
            early.append(number)
        elif number != signal.SIGINT or not in_foreground():
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    child = subprocess.Popen(command)
    for early_number in early:
        child.send_signal(early_number)
    code = child.wait()
    return 128 - code if code < 0 else code


def in_foreground() -> bool:
    """Whether a terminal sends Ctrl-C to this process group, and so to the child as well."""
    import os

    try:
        with open('/dev/tty') as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
