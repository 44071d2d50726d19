"""Teleoperate an SO-101 with its leader arm and record the takes as a LeRobot dataset."""

from recorder_node.bringup.arguments import table_of_arguments
from recorder_node.bringup.launching import describe_launch
from recorder_node.bringup.preflight import plan


def generate_launch_description():
    """Declare every argument, then check them all before anything starts."""
    return describe_launch(__file__, table_of_arguments(), plan)
