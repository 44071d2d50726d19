"""What the launch files share: arguments, a plan before anything starts, an orderly end."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnShutdown
from launch.events import Shutdown
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription
from recorder_node.bringup.arguments import Text, default_text
from recorder_node.bringup.given_arguments import (
    CONFIG_PATH,
    from_file,
    further_arguments,
    prepared,
)
from recorder_node.bringup.node_plan import NodePlan
from so101_driver.common.errors import ConfigError
from so101_driver.common.parameters import Parameter

# An ordered stop releases the torque and finishes the videos; it takes well under this.
STOP_TIMEOUT_S = '20'

Plan = Callable[[Mapping[str, str], Path, bool], list[NodePlan]]


def describe_launch(file: str, arguments: Mapping[str, Parameter], plan: Plan) -> LaunchDescription:
    """Declare every argument of a launch file, then check them all before anything starts.

    Args:
        file: the launch file; unknown arguments are refused only when it is the one launched.
        arguments: by name.
        plan: turns the arguments, as text, into the nodes to start.
    """

    declared = {**arguments, **further_arguments(arguments)}
    found: list[str] = []

    def read_file(context: Any) -> None:
        """Take arguments from a file before defaults fill what the command line has left out."""
        given = context.launch_configurations
        if path := given.get(CONFIG_PATH, ''):
            values, _, problems = from_file(path, declared)
            found.extend(problems)
            given.update({name: text for name, text in values.items() if name not in given})

    def start(context: Any) -> list[Any]:
        given = dict(context.launch_configurations)
        top_level = any(Path(argument).name == Path(file).name for argument in sys.argv)
        if not top_level:
            given = {name: text for name, text in given.items() if name in declared}
        values, notices, problems = prepared(given, arguments, datetime.datetime.now())
        problems = found + problems
        try:
            nodes = plan(values, Path(get_package_share_directory('recorder')), top_level)
        except ConfigError as error:
            problems += error.problems
        if problems:
            raise RuntimeError('refused to start:\n  - ' + '\n  - '.join(problems))
        session = _Session()
        return [
            *(LogInfo(msg=text) for text in notices),
            RegisterEventHandler(OnShutdown(on_shutdown=session.on_shutdown)),
            *(session.node(entry) for entry in nodes),
        ]

    return LaunchDescription(
        [
            OpaqueFunction(function=read_file),
            *(
                DeclareLaunchArgument(
                    name,
                    default_value=default_text(entry.default),
                    description=entry.spec.description,
                )
                for name, entry in declared.items()
            ),
            OpaqueFunction(function=start),
        ]
    )


def _typed(value: Any) -> ParameterValue | list[Any]:
    """Return a parameter that keeps its type on the way to the node."""
    if isinstance(value, tuple):
        return list(value)
    kind = type(value)
    return ParameterValue(Text(value) if kind is str else value, value_type=kind)


class _Session:
    """Ends the launch when the recorder is done, and with an error when a node fails."""

    def __init__(self) -> None:
        self._ending = False

    def on_shutdown(self, _event: Any, _context: Any) -> None:
        """From here on nodes are expected to end."""
        self._ending = True

    def node(self, entry: NodePlan) -> Node:
        """Return the action that starts one planned node."""
        # Launch can be killed, and nobody else ends what it has started.
        parameters = {**entry.parameters, 'end_with_parent': True}
        return Node(
            package='recorder',
            executable=entry.executable,
            name=entry.name,
            namespace=entry.namespace or None,
            output='screen',
            parameters=[{name: _typed(value) for name, value in parameters.items()}],
            sigterm_timeout=STOP_TIMEOUT_S,
            sigkill_timeout=STOP_TIMEOUT_S,
            on_exit=lambda event, context: self._on_exit(entry, event),
        )

    def _on_exit(self, entry: NodePlan, event: Any) -> list[Any] | None:
        if self._ending or not entry.needed:
            return None
        self._ending = True
        if entry.executable == 'recorder' and event.returncode == 0:
            return [
                LogInfo(msg='the session is over'),
                EmitEvent(event=Shutdown(reason='the session is over')),
            ]
        raise RuntimeError(
            f'{entry.name} ended with exit code {event.returncode}; the session cannot go on. '
            'Saved episodes are complete; see its messages above'
        )
