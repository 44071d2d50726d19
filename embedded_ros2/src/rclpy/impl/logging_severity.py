"""Severities of log messages."""

from __future__ import annotations

import enum


class LoggingSeverity(enum.IntEnum):
    """Severity of a message, or threshold of a logger."""

    UNSET = 0
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50
