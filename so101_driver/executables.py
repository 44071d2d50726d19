"""Entry points of the executables: quick to import, so that an early Ctrl-C ends them quietly.

The modules behind them take a second to import; until then nothing has been started and nothing
needs to be closed. From `base_node.run` on, signals are requests to stop in order.
"""

from __future__ import annotations

import importlib
import os
import signal
from types import FrameType


def start(module: str) -> int:
    """Import a module and run its `main`; return the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    return int(importlib.import_module(module).main())


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End at once: no arm, no file and no port is open yet."""
    os._exit(0)


def follower() -> int:
    """Drive the follower."""
    return start('so101_driver.ros.follower_node')


def leader() -> int:
    """Read the leader."""
    return start('so101_driver.ros.leader_node')


def camera() -> int:
    """Publish a camera."""
    return start('so101_driver.ros.camera_node')


def simulator() -> int:
    """Simulate both arms."""
    return start('so101_driver.ros.simulator_node')
