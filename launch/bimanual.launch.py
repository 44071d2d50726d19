"""Two leaders and two followers, in the namespaces left and right, without recording."""

from recorder_node.bringup.arms_plan import bimanual_arguments, plan_bimanual
from recorder_node.bringup.launching import describe_launch


def generate_launch_description():
    """Declare every argument, then check them all before anything starts."""
    return describe_launch(__file__, bimanual_arguments(), plan_bimanual)
