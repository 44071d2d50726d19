"""Run the policy alone, on a machine of its own; the robot's runs policy_eval.launch.py."""

from policy_node.evaluation.arguments import table_of_policy
from policy_node.evaluation.eval_plan import plan_policy
from recorder_node.bringup.launching import describe_launch


def generate_launch_description():
    """Declare every argument, then check them all before anything starts."""
    return describe_launch(__file__, table_of_policy(), plan_policy)
