"""Entry points of the recorder's executables; see `so101_driver.executables`."""

from __future__ import annotations

from so101_driver.executables import start


def recorder() -> int:
    """Record."""
    return start('recorder_node.ros.node')


def console() -> int:
    """Show the status and take keys."""
    return start('recorder_node.ros.console_node')
