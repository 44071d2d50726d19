"""Console and log file of launch.

Messages go to standard output as ``[LEVEL] [name]: text`` and to ``launch.log`` in a directory
of this run below ROS_LOG_DIR, ROS_HOME/log or ~/.ros/log.
"""

from __future__ import annotations

import datetime
import logging as python_logging
import os
import socket
import sys
from logging import getLogger as get_logger
from pathlib import Path

__all__ = ['get_logger', 'launch_config']


class LaunchConfig:
    """Destinations of this run; the directory is made by ``start``."""

    def __init__(self) -> None:
        self.log_dir: str | None = None
        self._file: python_logging.Handler | None = None

    def start(self, level: int) -> None:
        """Attach console and log file to the root logger."""
        root = get_logger()
        root.setLevel(level)
        for handler in list(root.handlers):
            if isinstance(handler, (_Screen, python_logging.FileHandler)):
                root.removeHandler(handler)
                handler.close()
        screen = _Screen()
        screen.setFormatter(python_logging.Formatter('[%(levelname)s] [%(name)s]: %(message)s'))
        root.addHandler(screen)
        get_logger('asyncio').setLevel(python_logging.WARNING)
        try:
            directory = self._make_directory()
        except OSError as error:
            get_logger('launch').warning(f'no log file: {error}')
            return
        self.log_dir = str(directory)
        self._file = python_logging.FileHandler(directory / 'launch.log', encoding='utf-8')
        self._file.setFormatter(
            python_logging.Formatter('%(created).7f [%(levelname)s] [%(name)s]: %(message)s')
        )
        root.addHandler(self._file)

    @staticmethod
    def _make_directory() -> Path:
        home = os.environ.get('ROS_HOME') or '~/.ros'
        base = Path(os.environ.get('ROS_LOG_DIR') or f'{home}/log').expanduser()
        stamp = datetime.datetime.now().strftime('%Y-%m-%d-%H-%M-%S-%f')
        directory = base / f'{stamp}-{socket.gethostname()}-{os.getpid()}'
        directory.mkdir(parents=True)
        return directory

    def write_screen(self, line: str) -> None:
        """Write a line of a process to the console."""
        sys.stdout.write(f'{line}\n')
        sys.stdout.flush()

    def write_file(self, line: str, name: str) -> None:
        """Write a line of a process to the log file."""
        if self._file is not None:
            self._file.handle(
                python_logging.makeLogRecord({'name': name, 'levelname': 'INFO', 'msg': line})
            )


class _Screen(python_logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what standard output is at the time."""

    def emit(self, record: python_logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


launch_config = LaunchConfig()
