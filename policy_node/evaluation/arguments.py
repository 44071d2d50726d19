"""The arguments of policy_eval.launch.py and policy.launch.py, taken from the parameter tables."""

from __future__ import annotations

import dataclasses

from policy_node.runtime.config import PolicyConfig
from recorder_node.bringup.arguments import table_of_arguments
from so101_driver.common.parameters import Parameter, param, table

# Parameters that the launch file sets itself, or that make no sense in an evaluation.
_SET_BY_LAUNCH = (
    'contract', 'calibration', 'fps', 'units', 'task', 'leader_resets', 'follow_session',
)  # fmt: skip
_NOT_HERE = ('record', 'leader_motion', 'leader_motion_units')
# What a policy node alone must know of the robot.
_OF_THE_ROBOT = (
    'hardware', 'contract', 'follower_id', 'follower_calibration', 'follower_calibration_dir',
    'arm_model',
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """The arguments that belong to no single node."""

    teleop_resets: bool = param(
        False, 'start the leader too: it commands the follower between episodes'
    )
    remote_policy: bool = param(
        False, 'the policy runs elsewhere, started there by policy.launch.py'
    )


def table_of_evaluation() -> dict[str, Parameter]:
    """Return every argument by name; `repo_id` and `single_task` have defaults here."""
    arguments = {n: p for n, p in table_of_arguments().items() if n not in _NOT_HERE}
    policy = table(PolicyConfig)
    arguments.update({n: p for n, p in policy.items() if n not in _SET_BY_LAUNCH})
    arguments.update(table(EvaluationConfig))
    return arguments


def table_of_policy() -> dict[str, Parameter]:
    """Return every argument of a policy node alone by name."""
    known = table_of_arguments()
    policy = table(PolicyConfig)
    arguments = {n: p for n, p in policy.items() if n not in ('contract', 'calibration')}
    return {**arguments, **{name: known[name] for name in _OF_THE_ROBOT}}
