"""A node for the commands that look at the graph."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar('T')

SETTLE_S = 0.5
_POLL_S = 0.02


@contextlib.contextmanager
def cli_node() -> Iterator[Any]:
    """Yield a hidden node; its name begins with an underscore."""
    import rclpy
    from rclpy.executors import ExternalShutdownException
    from rclpy.signals import SignalHandlerOptions

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.SIGINT)
    node = rclpy.create_node(
        f'_ros2cli_{os.getpid()}', enable_rosout=False, start_parameter_services=False
    )
    try:
        yield node
    except ExternalShutdownException:
        raise KeyboardInterrupt from None
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


@contextlib.contextmanager
def discovered(spin_time_s: float | None = None) -> Iterator[Any]:
    """Yield a node that has seen the graph settle: nothing new for half a second."""
    with cli_node() as node:
        state: Any = None
        begin = since = time.monotonic()
        quiet_s = SETTLE_S if spin_time_s is None else spin_time_s
        while time.monotonic() - since < quiet_s and time.monotonic() - begin < 10 * quiet_s:
            graph = node.context.graph
            seen = (len(graph.endpoints()), len(graph.nodes()))
            if seen != state:
                state, since = seen, time.monotonic()
            time.sleep(_POLL_S)
        yield node


def wait_for(condition: Callable[[], T], timeout_s: float) -> T:
    """Return the condition's value as soon as it is true, or when time is up."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return value


def is_hidden(name: str) -> bool:
    """Whether a part of a name begins with an underscore."""
    return any(part.startswith('_') for part in name.split('/'))


def visible(pairs: list[tuple[str, list[str]]], show_hidden: bool) -> list[tuple[str, list[str]]]:
    """Return names and types without the hidden ones."""
    return [pair for pair in pairs if show_hidden or not is_hidden(pair[0])]


def print_names(
    pairs: list[tuple[str, list[str]]],
    show_types: bool,
    count_only: bool,
) -> None:
    """Print names, with types in brackets when asked to."""
    if count_only:
        print(len(pairs))
        return
    for name, types in pairs:
        print(f'{name} [{", ".join(types)}]' if show_types else name)
