"""Kills a process at a chosen rename; run as `python -m tests.crash SCENARIO FOLDER...`.

Every FOLDER holds a dataset `ds`. In each, a child process carries out the scenario and is killed
before or after the rename that the folder's name tells: `before-3`, `after-0`. Prints the folders
whose child got to the end.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from recorder_node.dataset.consolidate import consolidate
from recorder_node.dataset.swap import edit
from recorder_node.dataset.writer import DatasetWriter, describe
from tests.conftest import small_contract
from tests.small_datasets import sealed


def publish(folder: Path, arm: Callable[[], None]) -> None:
    """Save one more episode."""
    writer = DatasetWriter(folder / 'ds', describe(small_contract(), 30), resume=True)
    take = sealed(folder, small_contract(), 9, ('another',))
    arm()
    writer.publish(take, {'rows': 9})


def first(folder: Path, arm: Callable[[], None]) -> None:
    """Save the first episode of a new dataset."""
    writer = DatasetWriter(folder / 'ds', describe(small_contract(), 30), resume=False)
    take = sealed(folder, small_contract(), 9)
    arm()
    writer.publish(take, {'rows': 9})


def undo(folder: Path, arm: Callable[[], None]) -> None:
    """Take the last episode back."""
    writer = DatasetWriter(folder / 'ds', describe(small_contract(), 30), resume=True)
    arm()
    writer.drop_last()


def join(folder: Path, arm: Callable[[], None]) -> None:
    """Consolidate the videos."""
    arm()
    consolidate(folder / 'ds')


def delete(folder: Path, arm: Callable[[], None]) -> None:
    """Remove the second episode, in a copy that takes the dataset's place."""
    arm()
    edit(folder / 'ds', [0, 2], lambda done, total: None)


SCENARIOS = {function.__name__: function for function in (publish, first, undo, join, delete)}


def kill_at(when: str, step: int) -> None:
    """Let the process die at its `step`-th rename into or of the dataset from now on."""
    real = Path.replace
    count = [0]

    def replace(self: Path, target: Path) -> Path:
        number, count[0] = count[0], count[0] + 1
        if number == step and when == 'before':
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(self, target)
        if number == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    Path.replace = replace  # type: ignore[method-assign,assignment]


def main(scenario: str, folders: list[str]) -> None:
    """Run the scenario in every folder, one child after the other."""
    for folder in folders:
        child = os.fork()
        if not child:
            when, step = Path(folder).name.split('-')
            SCENARIOS[scenario](Path(folder), lambda w=when, s=int(step): kill_at(w, s))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status == 0:
            print(folder, flush=True)
        elif os.WTERMSIG(status) != signal.SIGKILL:
            sys.exit(f'{folder}: status {status}')


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
