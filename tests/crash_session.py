"""A recording session to be killed: `python -m tests.crash_session FOLDER [--resume]`.

Records short episodes without end, with made-up streams and the real clock, and prints one JSON
line for every durable episode and, often, how many rows the running take has by the steady clock.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import numpy as np

from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.encoding.codecs import CODECS
from recorder_node.session.conductor import Conductor
from recorder_node.session.config import RecorderConfig
from recorder_node.session.surroundings import Surroundings
from recorder_node.streams.buffer import Sample
from recorder_node.streams.messages import NS
from recorder_node.streams.sampler import make_buffers
from tests.conftest import picture, small_contract
from tests.session_bench import FakeGraph

FPS = 30
EPISODE_S = 1.5


class RealClock:
    """Both clocks of the machine."""

    simulated = False

    def now_ns(self) -> int:
        """Wall time."""
        return time.time_ns()

    def steady_ns(self) -> int:
        """Steady time."""
        return time.monotonic_ns()


class Silent:
    """Says only what went wrong."""

    def info(self, message: str) -> None:
        """Nothing."""

    warning = info

    def error(self, message: str) -> None:
        """To the parent."""
        say(error=message)


def say(**entry: object) -> None:
    """Print one line for the parent."""
    print(json.dumps(entry), flush=True)


def main(folder: Path, resume: bool) -> None:
    """Record until killed."""
    contract = small_contract(cameras=2)
    buffers = make_buffers(contract, 2.0)
    config = RecorderConfig(
        contract='-', repo_id='me/x', single_task='survive', episode_time_s=EPISODE_S,
        reset_time_s=0.1, num_episodes=100_000, min_free_mb=0,
    )  # fmt: skip
    writer = DatasetWriter(folder / 'ds', describe(contract, FPS), resume)
    around = Surroundings(
        RealClock(), Silent(), FakeGraph(), lambda topic: False, lambda: None,
        lambda report: say(episode=report['episode_index'], rows=report['rows']),
        lambda reason, code: None,
    )  # fmt: skip
    conductor = Conductor(config, contract, buffers, writer, around, CODECS['h264'])
    say(began=writer.total_episodes)
    threading.Thread(target=feed, args=(buffers,), daemon=True).start()
    while True:
        conductor.tick()
        if (running := conductor.engine.running) is not None:
            rows = running.take.rows
            say(take=running.take.folder.name, rows=rows, at_s=time.monotonic())
        time.sleep(0.02)


def feed(buffers: dict) -> None:
    """Deliver a value on every stream, a little faster than the rows."""
    number = 0
    while True:
        now_ns = time.time_ns()
        for key, buffer in buffers.items():
            value = picture(number) if 'images' in key else np.full(6, now_ns / NS % 1000)
            buffer.push(Sample(now_ns, now_ns, 'command', value))
        number += 1
        time.sleep(0.02)


if __name__ == '__main__':
    main(Path(sys.argv[1]), '--resume' in sys.argv)
