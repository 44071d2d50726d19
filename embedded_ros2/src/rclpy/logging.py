"""Logging to the console and to the topic /rosout.

Lines go to standard error, to standard output with RCUTILS_LOGGING_USE_STDOUT=1. Log files are
not written.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from rclpy.impl.logging_severity import LoggingSeverity
from rclpy.impl.rcutils_logger import RcutilsLogger, Record, format_record

__all__ = ['LoggingSeverity', 'RcutilsLogger', 'get_logger', 'set_logger_level']

_lock = threading.Lock()
_levels: dict[str, LoggingSeverity] = {'': LoggingSeverity.INFO}
_sinks: dict[str, list[Callable[[Record], None]]] = {}


def get_logger(name: str) -> RcutilsLogger:
    """Return the logger of a name."""
    if not name:
        raise ValueError('Logger name must not be empty.')
    return RcutilsLogger(name)


def get_logging_severity_from_string(log_severity: str) -> LoggingSeverity:
    """Return the severity of a name in any case."""
    try:
        return LoggingSeverity[log_severity.upper()]
    except KeyError:
        raise RuntimeError(f'Unknown log severity: {log_severity!r}') from None


def configure(levels: dict[str, str]) -> None:
    """Set the levels of --log-level arguments; the empty name is the default level."""
    for name, level in levels.items():
        set_logger_level(name, get_logging_severity_from_string(level))


def initialize() -> None:
    """Do nothing: console logging needs no preparation."""


def shutdown() -> None:
    """Flush the console."""
    _stream().flush()


def clear_config() -> None:
    """Return to the default levels."""
    with _lock:
        _levels.clear()
        _levels[''] = LoggingSeverity.INFO


def set_logger_level(name: str, level: LoggingSeverity | int, detailed_error: bool = False) -> None:
    """Set the threshold of a logger; UNSET makes it follow the one above."""
    with _lock:
        _levels[name] = LoggingSeverity(level)


def get_logger_level(name: str) -> LoggingSeverity:
    """Return the threshold set for exactly this logger."""
    return _levels.get(name, LoggingSeverity.UNSET)


def get_logger_effective_level(name: str) -> LoggingSeverity:
    """Return the threshold of a logger or of the nearest one above that has one."""
    while name:
        level = _levels.get(name, LoggingSeverity.UNSET)
        if level:
            return level
        name = name.rpartition('.')[0]
    return _levels[''] or LoggingSeverity.INFO


def add_sink(name: str, sink: Callable[[Record], None]) -> None:
    """Hand records of a logger and of those below it to a function."""
    with _lock:
        _sinks.setdefault(name, []).append(sink)


def remove_sink(name: str, sink: Callable[[Record], None]) -> None:
    """Undo add_sink."""
    with _lock:
        if sink in _sinks.get(name, []):
            _sinks[name].remove(sink)


def _stream() -> Any:
    return sys.stdout if os.environ.get('RCUTILS_LOGGING_USE_STDOUT') == '1' else sys.stderr


def emit(record: Record) -> None:
    """Write a record to the console and hand it to the sinks."""
    stream = _stream()
    if stream is not None:
        choice = os.environ.get('RCUTILS_COLORIZED_OUTPUT')
        colour = choice == '1' if choice in ('0', '1') else stream.isatty()
        try:
            stream.write(f'{format_record(record, colour)}\n')
            stream.flush()
        except (OSError, ValueError):
            pass  # The console is gone; logging must not stop the program.
    name = record.name
    while name:
        for sink in list(_sinks.get(name, ())):
            sink(record)
        name = name.rpartition('.')[0]
