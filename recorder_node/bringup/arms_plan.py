"""Plans of launch files with one pair of arms in a namespace, or two pairs, recorded or not.

Everything of all pairs is checked before the first node exists.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from recorder_node.bringup.arguments import (
    ARM_ARGUMENTS,
    FOLLOWER_ARGUMENTS,
    LEADER_ARGUMENTS,
    table_of_arguments,
    unknown_arguments,
)
from recorder_node.bringup.node_plan import NodePlan, Problems
from recorder_node.bringup.planner import Planner
from so101_driver.common.errors import ConfigError
from so101_driver.common.parameters import Parameter, Spec

SIDES = ('left', 'right')
_OF_EACH_ARM = ('port', 'id', 'calibration')
_SHARED = (
    'hardware', 'follower_calibration_dir', 'leader_calibration_dir', 'write_calibration',
    'disable_torque_on_disconnect', 'leader_motion',
    'leader_motion_units', 'seed', 'sim_faults', *ARM_ARGUMENTS, *FOLLOWER_ARGUMENTS,
    *LEADER_ARGUMENTS,
)  # fmt: skip
_CONTRACT = 'bimanual_so101.yaml'
# What the drawn cameras show: the table of one arm.
_SHOWN = '/left/follower/joint_states'


def pair_arguments() -> dict[str, Parameter]:
    """Return the arguments of one leader and one follower."""
    known = table_of_arguments()
    names = [f'{role}_{key}' for role in ('follower', 'leader') for key in _OF_EACH_ARM]
    arguments = {name: known[name] for name in (*names, *_SHARED)}
    meaning = 'namespace of both arms; their topics begin with it'
    return {'namespace': Parameter('namespace', str, '', Spec(meaning)), **arguments}


def bimanual_arguments() -> dict[str, Parameter]:
    """Return the arguments of two pairs; an id stands for LeRobot's <id>_left and <id>_right."""
    known = table_of_arguments()
    arguments = {f'{role}_id': known[f'{role}_id'] for role in ('follower', 'leader')}
    for side in SIDES:
        for role in ('follower', 'leader'):
            for key in ('port', 'calibration'):
                name = f'{side}_{role}_{key}'
                spec = Spec(f'as {role}_{key}, of the {side} pair')
                arguments[name] = Parameter(name, str, '', spec)
    return {**arguments, **{name: known[name] for name in _SHARED}}


def bimanual_record_arguments() -> dict[str, Parameter]:
    """Return the arguments of two pairs whose takes are recorded."""
    own = bimanual_arguments()
    of_one_pair = {f'{role}_{key}' for role in ('follower', 'leader') for key in _OF_EACH_ARM}
    known = table_of_arguments()
    others = {name: known[name] for name in known if name not in of_one_pair and name != 'record'}
    return {**own, **others}


def plan_pair(given: Mapping[str, str], share: Path, top_level: bool = True) -> list[NodePlan]:
    """Check the arguments of one pair and return its nodes.

    Raises:
        ConfigError: with every problem.
    """
    arguments = pair_arguments()
    problems = Problems(unknown_arguments(given, arguments) if top_level else [])
    nodes = problems.of(lambda: _pair(given, share, given.get('namespace', '')))
    problems.raise_if_any()
    return nodes or []


def plan_bimanual(given: Mapping[str, str], share: Path, top_level: bool = True) -> list[NodePlan]:
    """Check the arguments of two pairs and return their nodes, in namespaces left and right.

    Raises:
        ConfigError: with every problem of both.
    """
    problems = Problems(unknown_arguments(given, bimanual_arguments()) if top_level else [])
    nodes = _both_sides(given, share, problems, record=False)
    problems.raise_if_any()
    return nodes


def plan_bimanual_record(
    given: Mapping[str, str], share: Path, top_level: bool = True
) -> list[NodePlan]:
    """Check the arguments of two pairs, cameras and recorder, and return their nodes.

    Raises:
        ConfigError: with every problem.
    """
    known = bimanual_record_arguments()
    given = {**given, 'contract': given.get('contract') or _CONTRACT}
    planner = Planner(given, share, known, top_level)
    planner.nodes += _both_sides(given, share, planner.problems, record=True)
    planner.add_recording()
    planner.add_cameras(joint_states_topic=_SHOWN)
    planner.add_recorder()
    return planner.finish()


def _both_sides(
    given: Mapping[str, str], share: Path, problems: Problems, record: bool
) -> list[NodePlan]:
    nodes: list[NodePlan] = []
    for side in SIDES:
        values = {name: text for name, text in given.items() if name in (*_SHARED, 'units')}
        for role in ('follower', 'leader'):
            arm_id = given.get(f'{role}_id', '')
            values[f'{role}_id'] = f'{arm_id}_{side}' if arm_id else ''
            for key in ('port', 'calibration'):
                values[f'{role}_{key}'] = given.get(f'{side}_{role}_{key}', '')
        try:
            nodes += _pair(values, share, side, record)
        except ConfigError as error:
            problems += [f'{side}: {text}' for text in error.problems]
    return nodes


def _pair(
    given: Mapping[str, str], share: Path, namespace: str, record: bool = False
) -> list[NodePlan]:
    values = {**given, 'record': str(record).lower()}
    if given.get('hardware') == 'sim':
        # The bench of each namespace is one of its own.
        bench = Path(tempfile.gettempdir()) / f'so101_sim_{os.getpid()}_{namespace or "pair"}'
        for role in ('follower', 'leader'):
            values[f'{role}_port'] = values.get(f'{role}_port') or str(bench / role)
    planner = Planner(values, share, table_of_arguments(), top_level=False)
    planner.add_arms(('follower', 'leader'))
    planner.problems.raise_if_any()
    return [node._replace(namespace=namespace) for node in planner.nodes]
