"""Shared helpers: a DDS domain of this run's own, and nodes in this and in other processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TIMEOUT_S = 20.0

os.environ.pop('ROS_AUTOMATIC_DISCOVERY_RANGE', None)


def wait_until(
    condition: Callable[[], Any],
    step: Callable[[], Any] = lambda: time.sleep(0.01),
) -> Any:
    """Repeat a step until the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (value := condition()):
        assert time.monotonic() < deadline, 'condition was not reached in time'
        step()
    return value


@pytest.fixture
def wait() -> Callable[..., Any]:
    """Return wait_until."""
    return wait_until


@pytest.fixture
def ros() -> Iterator[Any]:
    """Run the test between rclpy.init and shutdown, without signal handlers."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    yield rclpy
    rclpy.try_shutdown()


@pytest.fixture
def node(ros: Any) -> Iterator[Any]:
    """Yield a node without parameter services."""
    node = ros.create_node('tester', start_parameter_services=False)
    yield node
    node.destroy_node()


@pytest.fixture
def spin(ros: Any, node: Any) -> Callable[[Callable[[], Any]], Any]:
    """Return a function that spins the node until a condition holds."""
    return lambda condition: wait_until(condition, lambda: ros.spin_once(node, timeout_sec=0.02))


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts a Python program; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        path = tmp_path / f'program{len(started)}.py'
        path.write_text(program)
        child = subprocess.Popen(
            [sys.executable, str(path), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()
