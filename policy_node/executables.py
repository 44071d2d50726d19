"""Entry points of the policy's executables; see `so101_driver.executables`."""

from __future__ import annotations

from so101_driver.executables import start


def policy() -> int:
    """Let a checkpoint drive the arm."""
    return start('policy_node.ros.node')


def replay() -> int:
    """Drive the follower with a recorded episode."""
    return start('policy_node.ros.replay_node')
