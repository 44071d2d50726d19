"""One leader and one follower in a namespace, without recording; to be included, also twice."""

from recorder_node.bringup.arms_plan import pair_arguments, plan_pair
from recorder_node.bringup.launching import describe_launch


def generate_launch_description():
    """Declare every argument, then check them all before anything starts."""
    return describe_launch(__file__, pair_arguments(), plan_pair)
