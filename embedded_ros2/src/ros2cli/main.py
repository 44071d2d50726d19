"""Entry point of the ros2 command: chooses the command and hands over to genuine ROS 2."""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import sys
from typing import Any

COMMANDS = {
    'launch': 'Run a launch file',
    'node': 'Various node related sub-commands',
    'param': 'Various param related sub-commands',
    'pkg': 'Various package related sub-commands',
    'run': 'Run a package specific executable',
    'service': 'Various service related sub-commands',
    'topic': 'Various topic related sub-commands',
}
ABSENT = (
    'action',
    'bag',
    'component',
    'control',
    'daemon',
    'doctor',
    'extension_points',
    'extensions',
    'interface',
    'lifecycle',
    'multicast',
    'security',
    'test',
    'trace',
    'wtf',
)


def genuine_ros2() -> str | None:
    """Return the path of a genuine ros2 command when ROS 2 is sourced, else None."""
    if not os.environ.get('AMENT_PREFIX_PATH'):
        return None
    own = {os.path.realpath(sys.argv[0]), os.path.realpath(os.path.join(sys.prefix, 'bin', 'ros2'))}
    for directory in os.environ.get('PATH', '').split(os.pathsep):
        path = shutil.which('ros2', path=directory)
        if path and os.path.realpath(path) not in own:
            return path
    return None


def main(argv: list[str] | None = None) -> int | str:
    """Run the command and return its exit code, or a message for exit code 1."""
    words = sys.argv[1:] if argv is None else argv
    genuine = genuine_ros2() if argv is None else None
    if genuine:
        os.execv(genuine, [genuine, *words])
    parser = argparse.ArgumentParser(
        prog='ros2', description='ros2 is an extensible command-line tool for ROS 2 (embedded).'
    )
    subparsers: Any = parser.add_subparsers(
        title='Commands', metavar='Call `ros2 <command> -h` for more detailed usage.'
    )
    if words and words[0] in ABSENT:
        return f"'ros2 {words[0]}' is not part of the embedded ROS 2 runtime; it needs ROS 2 itself"
    for name, summary in COMMANDS.items():
        chosen = subparsers.add_parser(name, help=summary, description=summary)
        if words and words[0] == name:
            importlib.import_module(f'ros2cli.{name}').add_arguments(chosen)
    options = parser.parse_args(words)
    if not hasattr(options, 'main'):
        (parser if not words else subparsers.choices[words[0]]).print_help()
        return 0
    try:
        return options.main(options)  # type: ignore[no-any-return]
    except KeyboardInterrupt:
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, RuntimeError, NotImplementedError) as error:
        return (
            f'{type(error).__name__}: {error}'
            if isinstance(error, NotImplementedError)
            else str(error)
        )


if __name__ == '__main__':
    sys.exit(main())
