"""Teleoperate two SO-101 with two leaders and record the takes as one LeRobot dataset."""

from recorder_node.bringup.arms_plan import bimanual_record_arguments, plan_bimanual_record
from recorder_node.bringup.launching import describe_launch


def generate_launch_description():
    """Declare every argument, then check them all before anything starts."""
    return describe_launch(__file__, bimanual_record_arguments(), plan_bimanual_record)
