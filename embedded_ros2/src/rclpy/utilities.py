"""Access to the default context and to arguments."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from rclpy import _arguments
from rclpy.context import Context

_lock = threading.Lock()
_default: Context | None = None


def get_default_context(*, shutting_down: bool = False) -> Context:
    """Return the default context, made on first use; anew after it was shut down."""
    global _default
    with _lock:
        if _default is None:
            _default = Context()
        return _default


def replace_default_context() -> Context:
    """Return a fresh default context in place of one that was shut down."""
    global _default
    with _lock:
        _default = Context()
        return _default


def remove_ros_args(args: Sequence[str] | None = None) -> list[str]:
    """Return the arguments without those for ROS."""
    return _arguments.parse(sys.argv if args is None else args).others


def ok(*, context: Context | None = None) -> bool:
    """Return whether a context is running."""
    return (context or get_default_context()).ok()


def shutdown(*, context: Context | None = None) -> None:
    """Shut a context down."""
    (context or get_default_context()).shutdown()


def try_shutdown(*, context: Context | None = None) -> None:
    """Shut a context down if it is running."""
    (context or get_default_context()).try_shutdown()


def get_rmw_implementation_identifier() -> str:
    """Return the name of the middleware."""
    return 'rmw_cyclonedds_cpp'


def timeout_sec_to_nsec(timeout_sec: float | None) -> int:
    """Return nanoseconds; -1 for None or negative seconds, which mean no limit."""
    if timeout_sec is None or timeout_sec < 0:
        return -1
    return int(timeout_sec * 1_000_000_000)
