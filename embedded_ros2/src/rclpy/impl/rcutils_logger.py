"""Loggers with the filters of rcutils: once, skip_first, throttle."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from rclpy.impl.logging_severity import LoggingSeverity


@dataclass(frozen=True)
class Record:
    """One log message that passed level and filters."""

    severity: LoggingSeverity
    time_ns: int
    name: str
    message: str
    file: str
    function: str
    line: int


class _CallerState:
    """What the filters remember about one line of code."""

    def __init__(self) -> None:
        self.calls = 0
        self.last_ns: int | None = None


_DEFAULT_FORMAT = '[{severity}] [{time}] [{name}]: {message}'


class RcutilsLogger:
    """A named logger."""

    def __init__(self, name: str = '') -> None:
        self.name = name
        self._callers: dict[tuple[str, int], _CallerState] = {}
        self._severities: dict[tuple[str, int], LoggingSeverity] = {}

    def get_child(self, name: str) -> RcutilsLogger:
        """Return the logger of a part of what this one stands for."""
        if not name:
            raise ValueError('Child logger name must not be empty.')
        return RcutilsLogger(f'{self.name}.{name}' if self.name else name)

    def set_level(self, level: LoggingSeverity | int) -> None:
        """Set the threshold of this logger and of those below it."""
        from rclpy import logging

        logging.set_logger_level(self.name, level)

    def get_effective_level(self) -> LoggingSeverity:
        """Return the threshold that counts for this logger."""
        from rclpy import logging

        return logging.get_logger_effective_level(self.name)

    def is_enabled_for(self, severity: LoggingSeverity) -> bool:
        """Return whether messages of a severity are written."""
        return severity >= self.get_effective_level()

    def log(self, message: Any, severity: LoggingSeverity | int, **kwargs: Any) -> bool:
        """Write a message; return whether it passed the level and the filters."""
        frame = inspect.currentframe()
        while frame is not None and frame.f_code.co_filename == __file__:
            frame = frame.f_back
        return self._log(message, LoggingSeverity(severity), frame, **kwargs)

    def _log(
        self,
        message: Any,
        severity: LoggingSeverity,
        frame: FrameType | None,
        *,
        throttle_duration_sec: float | None = None,
        throttle_time_source_type: Any = None,
        once: bool = False,
        skip_first: bool = False,
        name: str | None = None,
    ) -> bool:
        from rclpy import logging

        caller = (frame.f_code.co_filename, frame.f_lineno) if frame else ('', 0)
        if self._severities.setdefault(caller, severity) != severity:
            raise ValueError('Logger severity cannot be changed between calls.')
        if not self.is_enabled_for(severity):
            return False
        if (once or skip_first or throttle_duration_sec is not None) and not self._passes(
            caller, once, skip_first, throttle_duration_sec, throttle_time_source_type
        ):
            return False
        logging.emit(
            Record(
                severity,
                time.time_ns(),
                name or self.name,
                str(message),
                caller[0],
                frame.f_code.co_name if frame else '',
                caller[1],
            )
        )
        return True

    def _passes(
        self,
        caller: tuple[str, int],
        once: bool,
        skip_first: bool,
        throttle_duration_sec: float | None,
        clock: Any,
    ) -> bool:
        state = self._callers.setdefault(caller, _CallerState())
        state.calls += 1
        if skip_first and state.calls == 1:
            return False
        if once and state.calls > (2 if skip_first else 1):
            return False
        if throttle_duration_sec is not None:
            now_ns = clock.now().nanoseconds if clock is not None else time.monotonic_ns()
            if state.last_ns is not None and now_ns - state.last_ns < throttle_duration_sec * 1e9:
                return False
            state.last_ns = now_ns
        return True

    def debug(self, message: Any, **kwargs: Any) -> bool:
        """Write a message of severity DEBUG."""
        return self.log(message, LoggingSeverity.DEBUG, **kwargs)

    def info(self, message: Any, **kwargs: Any) -> bool:
        """Write a message of severity INFO."""
        return self.log(message, LoggingSeverity.INFO, **kwargs)

    def warning(self, message: Any, **kwargs: Any) -> bool:
        """Write a message of severity WARN."""
        return self.log(message, LoggingSeverity.WARN, **kwargs)

    def warn(self, message: Any, **kwargs: Any) -> bool:
        """Write a message of severity WARN."""
        return self.log(message, LoggingSeverity.WARN, **kwargs)

    def error(self, message: Any, **kwargs: Any) -> bool:
        """Write a message of severity ERROR."""
        return self.log(message, LoggingSeverity.ERROR, **kwargs)

    def fatal(self, message: Any, **kwargs: Any) -> bool:
        """Write a message of severity FATAL."""
        return self.log(message, LoggingSeverity.FATAL, **kwargs)


def format_record(record: Record, colour: bool) -> str:
    """Return the console line of a record; RCUTILS_CONSOLE_OUTPUT_FORMAT sets its form."""
    form = os.environ.get('RCUTILS_CONSOLE_OUTPUT_FORMAT') or _DEFAULT_FORMAT
    seconds, nanoseconds = divmod(record.time_ns, 1_000_000_000)
    tokens: dict[str, Callable[[], str]] = {
        'severity': lambda: record.severity.name,
        'name': lambda: record.name,
        'message': lambda: record.message,
        'time': lambda: f'{seconds}.{nanoseconds:09d}',
        'time_as_nanoseconds': lambda: str(record.time_ns),
        'file_name': lambda: record.file,
        'function_name': lambda: record.function,
        'line_number': lambda: str(record.line),
    }
    parts, rest = [], form
    while rest:
        text, brace, rest = rest.partition('{')
        token, closing, after = rest.partition('}')
        parts.append(text)
        if brace and closing and token in tokens:
            parts.append(tokens[token]())
            rest = after
        else:
            parts.append(brace)
    line = ''.join(parts)
    return f'{_COLOURS[record.severity]}{line}\033[0m' if colour else line


_COLOURS = {
    LoggingSeverity.DEBUG: '\033[32m',
    LoggingSeverity.INFO: '\033[0m',
    LoggingSeverity.WARN: '\033[33m',
    LoggingSeverity.ERROR: '\033[31m',
    LoggingSeverity.FATAL: '\033[31m',
}
