"""The plans of policy_eval.launch.py and policy.launch.py: every problem comes before any node."""

from __future__ import annotations

import datetime
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policy_node.checkpoint import inspection
from policy_node.checkpoint.description import Description, describe, locate
from policy_node.checkpoint.matching import mismatches
from policy_node.errors import PolicyError
from policy_node.evaluation import sim_session
from policy_node.evaluation.arguments import EvaluationConfig, table_of_evaluation, table_of_policy
from policy_node.networks.policies import POLICIES
from policy_node.runtime.config import PolicyConfig, parse_renames
from recorder_node.bringup.node_plan import NodePlan, values_of
from recorder_node.bringup.planner import Planner
from so101_driver.common.parameters import TRUE_WORDS

COMMANDS = '/policy/joint_commands'
# The Hub takes 96 characters, the date included.
_LONGEST_NAME = 60


def plan(given: Mapping[str, str], share: Path, top_level: bool = True) -> list[NodePlan]:
    """Check launch arguments and return the nodes to start.

    Args:
        given: the arguments as text, defaults included.
        share: the package's share folder with config/.
        top_level: refuse unknown arguments; they may belong to others when included.

    Raises:
        ConfigError: with every problem.
    """
    known = table_of_evaluation()
    remote = given.get('remote_policy', '').lower() in TRUE_WORDS
    description, problem = (None, []) if remote else _description(given)
    given = {**given, **_defaults(given, description)}
    if description is not None and _needs_sim_session(given):
        given = {**given, **_sim_session(description, given, share)}
    planner = Planner(given, share, known, top_level)
    planner.problems += problem
    evaluation = planner.config_of(EvaluationConfig)
    resets = evaluation is not None and evaluation.teleop_resets
    roles = ('follower', 'leader') if resets else ('follower',)
    planner.add_arms(roles, active_source='leader' if resets else 'policy')
    policy = given.get('policy_path', '') or ('remote' if remote else '')
    planner.add_recording(policy=policy, start_when=COMMANDS)
    planner.add_cameras()
    if not remote:
        recorder = planner.recorder
        of_session: dict[str, Any] = {}
        if recorder is not None:
            of_session = {'fps': recorder.fps, 'units': recorder.units,
                          'task': recorder.single_task}  # fmt: skip
        of_session['leader_resets'] = resets
        _add_policy(planner, description, planner.calibration, of_session)
    planner.add_recorder()
    return planner.finish()


def plan_policy(given: Mapping[str, str], share: Path, top_level: bool = True) -> list[NodePlan]:
    """Check the arguments of a policy node alone and return it; see `plan`.

    The rest of the session runs on another machine of the same domain, with the same contract.

    Raises:
        ConfigError: with every problem.
    """
    description, problem = _description(given)
    planner = Planner(given, share, table_of_policy(), top_level)
    planner.problems += problem
    _add_policy(planner, description, planner.find_calibration('follower'), {})
    return planner.finish()


def _defaults(given: Mapping[str, str], description: Description | None) -> dict[str, str]:
    """Return a dataset name and a task for an evaluation that names none.

    A policy of a type that may take words gets no made-up ones.
    """
    path = Path(given.get('policy_path') or 'policy')
    generic = ('pretrained_model', 'last', 'checkpoints')
    parts = [part for part in path.parts if part not in generic and part != path.anchor]
    name = re.sub(r'[^A-Za-z0-9._]', '_', (parts or ['policy'])[-1])[:_LONGEST_NAME]
    now = datetime.datetime.now().strftime('%Y%m%d_%H%M%S')
    found = {}
    if not given.get('repo_id'):
        found['repo_id'] = f'local/eval_{name}_{now}'
    takes_no_words = description is None or description.kind in POLICIES
    if not given.get('single_task') and takes_no_words:
        found['single_task'] = f'evaluate {name}'
    return found


def _description(given: Mapping[str, str]) -> tuple[Description | None, list[str]]:
    if not given.get('policy_path'):
        return None, []
    if importlib.util.find_spec('torch') is None:
        return None, ['policies need PyTorch: scripts/setup policy, or pip install torch']
    try:
        description = describe(locate(given['policy_path']))
    except PolicyError as error:
        return None, [str(error)]
    return description, inspection.problems(description, description.kind not in POLICIES)


def _needs_sim_session(given: Mapping[str, str]) -> bool:
    """Tell whether the simulated cameras may be made to the checkpoint's measure."""
    chosen = any(given.get(name) for name in ('contract', 'cameras_file'))
    return given.get('hardware') == 'sim' and not chosen


def _sim_session(description: Description, given: Mapping[str, str], share: Path) -> dict[str, str]:
    try:
        renames = parse_renames(given.get('rename_map', ''))
        fps = int(given.get('fps') or 30)
    except ValueError:
        return {}  # told by the planner
    session = sim_session.write(description, renames, share, fps)
    return {'contract': str(session.contract), 'cameras_file': str(session.cameras_file)}


def _add_policy(
    planner: Planner,
    description: Description | None,
    calibration: str,
    of_session: Mapping[str, Any],
) -> None:
    # A missing file has been said already; the rest is checked nevertheless.
    stand_in = planner.share / 'config' / 'sim' / 'follower.json'
    config = planner.config_of(
        PolicyConfig,
        contract=str(planner.contract_path),
        calibration=calibration or str(stand_in),
        **of_session,
    )
    if config is None:
        return
    if description is not None and planner.contract is not None:
        here = {there: name for name, there in config.renames().items()}
        inputs = {here.get(k, k): f for k, f in description.used_features.items()}
        planner.problems += mismatches(
            inputs, description.output_features, planner.contract, config.resize
        )
    planner.nodes.append(NodePlan('policy', values_of(config), 'policy'))
