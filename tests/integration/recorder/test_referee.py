"""Real lerobot as referee: it loads what is written here, records into it, and the reverse.

Runs where the environment names a Python that has lerobot: LEROBOT_PYTHON (0.4 or later, format
v3.0), LEROBOT_V21_PYTHON (0.3, format v2.1).
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from recorder_node.cli.edit import main as edit
from recorder_node.dataset import layout
from recorder_node.dataset.consolidate import consolidate
from recorder_node.dataset.writer import DatasetWriter, describe
from tests.conftest import REPOSITORY, small_contract
from tests.killing import killed_at_each_rename
from tests.kinds import kinds_contract, live_take
from tests.small_datasets import problems, record

PYTHONS = {
    layout.V30: os.environ.get('LEROBOT_PYTHON'),
    layout.V21: os.environ.get('LEROBOT_V21_PYTHON'),
}
LENGTHS = (40, 31, 1)

versions = pytest.mark.parametrize(
    'version',
    [
        pytest.param(v, marks=pytest.mark.skipif(not python, reason=f'no lerobot for {v}'))
        for v, python in PYTHONS.items()
    ],
)


def referee(version: str, command: str, root: Path, *args: object) -> dict[str, Any]:
    """Let the real lerobot do something and return what it says."""
    python = PYTHONS[version]
    assert python
    script = str(REPOSITORY / 'tests' / 'referee.py')
    run = subprocess.run(
        [python, script, command, str(root), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


@versions
@pytest.mark.parametrize('video', [True, False])
def test_lerobot_loads_features_of_every_kind(tmp_path: Path, version: str, video: bool) -> None:
    contract = kinds_contract(video)
    # Depth came with lerobot 0.6.
    plain = tuple(f for f in contract.features if f.depth is None)
    contract = dataclasses.replace(contract, features=plain)
    writer = DatasetWriter(tmp_path / 'ds', describe(contract, 30, version), resume=False)
    for rows in LENGTHS:
        take = live_take(tmp_path / 'ds.recording' / f'take-{rows}', contract, rows)
        writer.publish(take.seal(outcome=True), {})
    assert referee(version, 'load', writer.root)['rows'] == sum(LENGTHS)


@pytest.mark.skipif(not PYTHONS[layout.V30], reason='no lerobot for v3.0')
@pytest.mark.parametrize('scenario', ['publish', 'undo', 'join'])
def test_lerobot_loads_what_a_kill_at_any_rename_leaves(tmp_path: Path, scenario: str) -> None:
    (tmp_path / 'base').mkdir()
    base = record(tmp_path / 'base', small_contract(), LENGTHS)
    (tmp_path / 'killed').mkdir()
    for folder in killed_at_each_rename(tmp_path / 'killed', scenario, base):
        rows = referee(layout.V30, 'load', folder / 'ds')['rows']
        assert rows in (sum(LENGTHS[:2]), sum(LENGTHS), sum(LENGTHS) + 9), folder


@versions
@pytest.mark.parametrize('joined', [False, True])
def test_lerobot_loads_and_resumes_what_is_written_here(
    tmp_path: Path, version: str, joined: bool
) -> None:
    contract = small_contract(cameras=2)
    root = record(tmp_path, contract, LENGTHS, version=version)
    if joined:
        consolidate(root)
    assert referee(version, 'load', root)['rows'] == sum(LENGTHS)
    assert referee(version, 'resume', root, 12)['episodes'] == 4
    assert problems(root) == []
    record(tmp_path, contract, (9,), resume=True)
    assert problems(root) == []
    assert referee(version, 'load', root)['rows'] == sum(LENGTHS) + 12 + 9
    assert edit(['delete', str(root), '1', '3']) == 0
    assert referee(version, 'load', root)['rows'] == 40 + 1 + 9
