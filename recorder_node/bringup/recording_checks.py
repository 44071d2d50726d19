"""Checks of a recording before it starts: root, contract, units, encoder, a dataset to resume."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from recorder_node.bringup.node_plan import NodePlan, Problems
from recorder_node.contract.contract import Contract
from recorder_node.dataset import layout
from recorder_node.dataset.writer import describe, resume_problems
from recorder_node.encoding.codec_choice import check_depth, choose_for
from recorder_node.session.config import RecorderConfig
from recorder_node.streams.messages import load_units
from so101_driver.common.parameters import TRUE_WORDS


def root_problems(given: Mapping[str, str]) -> list[str]:
    """Look at name and root even when other arguments are wrong."""
    repo_id = given.get('repo_id', '')
    if problems := layout.repo_id_problems(repo_id):
        return problems if repo_id else []
    resume = given.get('resume', '').lower() in TRUE_WORDS
    return layout.root_problems(layout.resolve_root(given.get('root', ''), repo_id), resume)


def check_recording(contract: Contract, recorder: RecorderConfig, problems: Problems) -> None:
    """Collect what keeps a recorder from recording this contract."""
    problems.of(lambda: contract.check_fps(recorder.fps))
    problems.of(lambda: load_units(recorder.units, recorder.calibration, contract))
    stored = contract if recorder.video else contract.stored_as_images()
    problems.of(lambda: check_depth(stored))
    if recorder.vcodec != 'auto':
        problems.of(lambda: choose_for(stored, recorder.vcodec, recorder.fps))
    root = recorder.dataset_root
    if recorder.resume and (root / layout.INFO).is_file():
        description = describe(stored, recorder.fps, recorder.codebase_version)
        problems += resume_problems(root, description)


def unfilled_fields(contract: Contract, nodes: Iterable[NodePlan]) -> list[str]:
    """Say which velocities and efforts of the contract the planned arms do not publish."""
    silent = {
        '/'.join(('', *filter(None, (node.namespace, node.name)), 'joint_states'))
        for node in nodes
        if node.parameters.get('publish_velocity_effort') is False
    }
    return [
        f'feature "{feature.name}": {source.topic} has no {source.field} unless '
        'publish_velocity_effort:=true'
        for feature in contract.features
        for source in feature.sources
        if source.topic in silent and source.field != 'position'
    ]
