"""Driver nodes as real processes against the simulator, and a node of the test beside them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SIM = ROOT / 'config' / 'sim'
TIMEOUT_S = 20.0


class Processes:
    """Starts executables of the package; whatever still runs at the end is killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, module: str, *remaps: str, **parameters: object) -> subprocess.Popen[bytes]:
        """Start `so101_driver.ros.<module>` with parameters; its output goes to a file."""
        command = [sys.executable, '-m', f'so101_driver.ros.{module}', '--ros-args']
        for remap in remaps:
            command += ['-r', remap]
        for name, value in parameters.items():
            command += ['-p', f'{name}:={value}']
        with self._log(len(self.started)).open('wb') as log:
            child = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.started.append(child)
        return child

    def output(self, child: subprocess.Popen[bytes]) -> str:
        """Return what a process has printed so far."""
        return self._log(self.started.index(child)).read_text()

    def stop(self, child: subprocess.Popen[bytes], number: int = signal.SIGINT) -> int:
        """Send a signal and return the exit code."""
        child.send_signal(number)
        return child.wait(TIMEOUT_S)

    def close(self) -> None:
        """Kill what is left."""
        for child in self.started:
            if child.poll() is None:
                child.kill()
            child.wait()

    def _log(self, number: int) -> Path:
        return self.folder / f'process{number}.log'


class Watcher:
    """A node that collects messages of any topic."""

    def __init__(self, rclpy: Any) -> None:
        self._rclpy = rclpy
        self.node = rclpy.create_node('watcher')
        self.received: dict[str, list[Any]] = {}

    def watch(self, kind: Any, topic: str, qos: Any = 10) -> list[Any]:
        """Subscribe and return the list that fills."""
        messages: list[Any] = self.received.setdefault(topic, [])
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def until(self, condition: Callable[[], Any], timeout_s: float = TIMEOUT_S) -> Any:
        """Spin until the condition holds and return its value."""
        deadline = time.monotonic() + timeout_s
        while not (value := condition()):
            assert time.monotonic() < deadline, 'the condition did not come true in time'
            self._rclpy.spin_once(self.node, timeout_sec=0.05)
        return value

    def call(self, kind: Any, service: str, request: Any) -> Any:
        """Call a service and return its response."""
        client = self.node.create_client(kind, service)
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)
        self.node.destroy_client(client)
        return future.result()


@pytest.fixture(autouse=True, scope='session')
def _own_domain() -> None:
    os.environ['ROS_DOMAIN_ID'] = str(101 + os.getpid() % 100)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    yield made
    made.close()


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    made = Watcher(rclpy)
    yield made
    made.node.destroy_node()
    rclpy.try_shutdown()
