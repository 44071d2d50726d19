"""A recording process killed at any moment: every row it had synced is there, with its frames."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from recorder_node.episode.restore import restore
from tests.conftest import REPOSITORY
from tests.unit.recorder.test_take import check

# Adds rows of a made-up clock as fast as the encoders go, and prints how many are durable: the
# last two frames may still be in the encoder's hands.
CHILD = """
import sys
from pathlib import Path
from recorder_node.streams.sampler import Sampler, make_buffers
from tests.conftest import T0_NS, wait_until
from tests.kinds import fill_kinds, kinds_contract, live_take

folder, video = Path(sys.argv[1]), sys.argv[2] == 'True'
contract = kinds_contract(video)
buffers = make_buffers(contract, 1000.0)
fill_kinds(buffers, 5000)
sampler = Sampler(contract, buffers, 30)
take = live_take(folder, contract, 0)
for k in range(5000):
    take.add(sampler.row(T0_NS, k), 'pick')
    if k % 7 == 6:
        wait_until(lambda: not take.waiting_frames)
        take.sync()
        print(take.rows - 2, flush=True)
"""


@pytest.mark.parametrize('video', [True, False])
@pytest.mark.parametrize('seed', range(3))
def test_all_rows_that_were_synced_come_back(tmp_path: Path, video: bool, seed: int) -> None:
    child = subprocess.Popen(
        [sys.executable, '-c', CHILD, str(tmp_path / 'take'), str(video)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    for _ in range(random.Random(seed).randrange(1, 20)):
        line = child.stdout.readline()
        assert line, 'the recording ended by itself'
    child.kill()
    # What it printed before it died counts too.
    rest = child.stdout.read().split()
    child.wait()
    synced = int(rest[-1] if rest else line)
    take, contract = restore(tmp_path / 'take')
    assert synced <= take.rows
    check(take, contract, take.rows)
