"""Kills processes, at each rename or at a random moment, and checks what is left."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from recorder_node.cli.recover import main as recover
from recorder_node.dataset import layout
from recorder_node.dataset.reader import Dataset
from recorder_node.episode.take import leftovers
from tests.conftest import REPOSITORY
from tests.readable import check_readable
from tests.small_datasets import problems

# Rows older than this before the kill come back.
LOST_AT_MOST_S = 1.0


@dataclasses.dataclass
class Killed:
    """What a session said before it was killed; `rows` of the take that ran, then."""

    durable: dict[int, int]
    take: str
    rows: int


# More than a scenario has.
_RENAMES = {'delete': 40}


def killed_at_each_rename(tmp_path: Path, scenario: str, base: Path | None) -> list[Path]:
    """Return the folders left behind by a kill at each rename, until a child gets to the end."""
    folders = []
    for when in ('before', 'after'):
        for step in range(_RENAMES.get(scenario, 24)):
            folder = tmp_path / f'{when}-{step}'
            folder.mkdir()
            if base is not None:
                shutil.copytree(base, folder / 'ds')
            folders.append(folder)
    command = [sys.executable, '-m', 'tests.crash', scenario, *map(str, folders)]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    complete_ones = set(run.stdout.split())
    dead = [folder for folder in folders if str(folder) not in complete_ones]
    assert len(dead) >= 4
    assert complete_ones, 'there are more renames than the test kills at'
    return dead


def kill_once(folder: Path, after_s: float) -> Killed:
    """Record into `folder` (resuming what is there) and kill after so many seconds of takes."""
    arguments = ['--resume'] if (folder / 'ds' / layout.INFO).is_file() else []
    process = subprocess.Popen(
        [sys.executable, '-m', 'tests.crash_session', str(folder), *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [json.loads(process.stdout.readline())]
    while 'take' not in lines[-1]:
        lines.append(json.loads(process.stdout.readline()))
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    killed_s = time.monotonic()
    rest, _ = process.communicate()
    lines += [json.loads(line) for line in rest.splitlines(keepends=True) if line.endswith('\n')]
    assert not [line for line in lines if 'error' in line]
    rows = [line for line in lines if 'take' in line]
    last = rows[-1]['take']
    old = [
        line['rows']
        for line in rows
        if line['take'] == last and line['at_s'] < killed_s - LOST_AT_MOST_S
    ]
    durable = {line['episode']: line['rows'] for line in lines if 'episode' in line}
    return Killed(durable, last, max(old, default=0))


def check(folder: Path, killed: Killed, before: list[int]) -> list[int]:
    """Check what a kill left, recover, check again; return the lengths of all episodes."""
    root = folder / 'ds'
    if (root / layout.INFO).is_file():
        check_readable(root)
        lengths = [episode.length for episode in Dataset(root).episodes]
        for index, rows in killed.durable.items():
            assert lengths[index] == rows, f'episode {index} was durable with {rows} rows'
        assert lengths[: len(before)] == before
    takes = [path.name for path in leftovers(layout.recording_folder(root))]
    alive = killed.take in takes
    code = recover([str(root)])
    assert code == 0, 'not everything could be recovered'
    if not (root / layout.INFO).is_file():
        assert not before, 'the dataset has gone'
        assert not killed.durable, 'the dataset has gone'
        assert not killed.rows, f'{killed.rows} rows have gone'
        return []
    found = problems(root)
    assert not found, found
    after = [episode.length for episode in Dataset(root).episodes]
    assert after[: len(before)] == before
    if alive and killed.rows:
        assert after[-1] >= killed.rows, f'{after[-1]} of {killed.rows} rows came back'
    return after


def moments(count: int, seed: int) -> list[float]:
    """Return when to kill: anywhere within the first episodes, their saves among them."""
    generator = random.Random(seed)
    return [generator.uniform(0.0, 5.0) for _ in range(count)]
