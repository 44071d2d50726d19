"""Teleoperate an SO-101 with its leader arm and record the takes as a LeRobot dataset."""

import sys
from pathlib import Path

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
from recorder_node.arguments import Text, default_text, table_of_arguments
from recorder_node.preflight import plan
from so101_driver.errors import ConfigError

# An ordered stop releases the torque and finishes the videos; it takes well under this.
STOP_TIMEOUT_S = '20'


def generate_launch_description():
    """Declare every argument, then check them all before anything starts."""
    arguments = [
        DeclareLaunchArgument(
            name, default_value=default_text(entry.default), description=entry.spec.description
        )
        for name, entry in table_of_arguments().items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])


def start(context):
    """Return the nodes, or raise with every problem before the first one exists."""
    given = dict(context.launch_configurations)
    top_level = any(Path(argument).name == Path(__file__).name for argument in sys.argv)
    if not top_level:
        given = {name: text for name, text in given.items() if name in table_of_arguments()}
    try:
        nodes = plan(given, Path(get_package_share_directory('recorder')))
    except ConfigError as error:
        raise RuntimeError('refused to start:\n  - ' + '\n  - '.join(error.problems)) from None
    session = Session()
    return [
        RegisterEventHandler(OnShutdown(on_shutdown=session.on_shutdown)),
        *(session.node(entry) for entry in nodes),
    ]


def typed(value):
    """Return a parameter that keeps its type on the way to the node."""
    kind = type(value)
    return ParameterValue(Text(value) if kind is str else value, value_type=kind)


class Session:
    """Ends the launch when the recorder is done, and with an error when a node fails."""

    def __init__(self):
        self._ending = False

    def on_shutdown(self, _event, _context):
        """From here on nodes are expected to end."""
        self._ending = True

    def node(self, entry):
        """Return the action that starts one planned node."""
        return Node(
            package='recorder',
            executable=entry.executable,
            name=entry.name,
            namespace=entry.namespace or None,
            output='screen',
            parameters=[{name: typed(value) for name, value in entry.parameters.items()}],
            sigterm_timeout=STOP_TIMEOUT_S,
            sigkill_timeout=STOP_TIMEOUT_S,
            on_exit=lambda event, context: self._on_exit(entry, event),
        )

    def _on_exit(self, entry, event):
        if self._ending or not entry.needed:
            return None
        if entry.executable == 'recorder' and event.returncode == 0:
            self._ending = True
            return [
                LogInfo(msg='the session is over'),
                EmitEvent(event=Shutdown(reason='the session is over')),
            ]
        self._ending = True
        raise RuntimeError(
            f'{entry.name} ended with exit code {event.returncode}; the session cannot go on. '
            'Saved episodes are complete; see its messages above'
        )
