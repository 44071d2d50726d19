"""Let a LeRobot checkpoint drive the follower and record the evaluation as a dataset."""

from policy_node.evaluation.arguments import table_of_evaluation
from policy_node.evaluation.eval_plan import plan
from recorder_node.bringup.launching import describe_launch


def generate_launch_description():
    """Declare every argument, then check them all before anything starts."""
    return describe_launch(__file__, table_of_evaluation(), plan)
