"""Real-Time Chunking with the real lerobot: `LEROBOT_PYTHON=.../python pytest` runs it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PYTHON = os.environ.get('LEROBOT_PYTHON', '')
DELAY, HORIZON = 3, 8


@pytest.mark.skipif(not PYTHON, reason='no lerobot')
def test_the_next_chunk_begins_as_the_last_one_goes_on(tmp_path: Path) -> None:
    script = str(REPOSITORY / 'tests' / 'flow_referee.py')
    path = os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / 'tests' / 'data' / 'tiny_flow')))
    run = subprocess.run(
        [PYTHON, script, str(tmp_path / 'checkpoint')],
        capture_output=True, text=True, check=False, env={**os.environ, 'PYTHONPATH': path},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert (found['first'], found['second']) == (0.0, 0.0), 'the same as LeRobot itself'
    assert found['horizon'] == HORIZON
    rows = found['rows']
    assert all(row > 4.0 for row in rows[:DELAY]), 'while it was computed: as the last chunk'
    assert rows[DELAY:HORIZON] == sorted(rows[DELAY:HORIZON], reverse=True)
    assert rows[HORIZON:] == [-5.0] * len(rows[HORIZON:]), 'beyond: where it wants to go now'
