"""The plan of teleop_record.launch.py: every problem is listed before the first node starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recorder_node.bringup.arguments import table_of_arguments
from recorder_node.bringup.node_plan import NodePlan as NodePlan
from recorder_node.bringup.planner import Planner


def plan(given: Mapping[str, str], share: Path, top_level: bool = True) -> list[NodePlan]:
    """Check launch arguments and return the nodes to start.

    Args:
        given: the arguments as text, defaults included.
        share: the package's share folder with config/.
        top_level: refuse unknown arguments; they may belong to others when included.

    Raises:
        ConfigError: with every problem.
    """
    planner = Planner(given, share, table_of_arguments(), top_level)
    planner.add_arms(('follower', 'leader'))
    if planner.launch.record:
        planner.add_recording()
    planner.add_cameras()
    planner.add_recorder()
    return planner.finish()
