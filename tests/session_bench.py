"""A whole session without ROS: a conductor, its engine and dataset, on a clock of the test's."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from recorder_node.contract.contract import Contract
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.encoding.codecs import CODECS
from recorder_node.session.conductor import Conductor
from recorder_node.session.config import RecorderConfig
from recorder_node.session.machine import State
from recorder_node.session.publishers import Publisher
from recorder_node.session.surroundings import Surroundings
from recorder_node.streams.buffer import Sample, StreamBuffer
from recorder_node.streams.messages import NS
from tests.conftest import FakeClock, picture, wait_until


class Log:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.info = self.warning = self.error = self.lines.append


class FakeGraph:
    """Publishers as a test wants them."""

    other_topics = ('/other',)

    def __init__(self) -> None:
        self.by_topic: dict[str, tuple[Publisher, ...]] = {}

    def publishers(self, topic: str) -> tuple[Publisher, ...]:
        """Return who publishes on a topic."""
        return self.by_topic.get(topic, ())


class Bench:
    """A conductor whose streams are fed as far as a test wants."""

    def __init__(
        self,
        tmp_path: Path,
        contract: Contract,
        buffers: dict[str, StreamBuffer],
        clock: FakeClock | None = None,
        **values: Any,
    ) -> None:
        self.clock = clock or FakeClock()
        self.log = Log()
        self.stops: list[int] = []
        self.graph = FakeGraph()
        self.buffers = buffers
        self.root = tmp_path / 'ds'
        defaults = {
            'contract': 'c', 'repo_id': 'me/x', 'single_task': 'wave', 'episode_time_s': 2.0,
            'reset_time_s': 1.0, 'num_episodes': 2, 'min_free_mb': 0,
        }  # fmt: skip
        around = Surroundings(
            self.clock, self.log, self.graph, lambda topic: False, lambda: None,
            lambda report: None, lambda _reason, code: self.stops.append(code),
        )  # fmt: skip
        config = RecorderConfig(**{**defaults, **values})
        writer = DatasetWriter(self.root, describe(contract, config.fps), resume=False)
        self.conductor = Conductor(config, contract, buffers, writer, around, CODECS['h264'])

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self.conductor.session.state

    def deliver(self) -> None:
        """Let every stream deliver one value, measured now."""
        now_ns = self.clock.now_ns()
        for key, buffer in self.buffers.items():
            value = picture(now_ns // 1_000_000) if 'images' in key else np.full(6, now_ns / 1e9)
            buffer.push(Sample(now_ns, now_ns, 'command', value))

    def pass_time(self, seconds: float, alive: bool = True) -> None:
        """Advance in small steps, so that every timer is served; streams deliver while alive."""
        for _ in range(round(seconds * 20)):
            self.clock.advance(NS // 20)
            if alive:
                self.deliver()
            self.conductor.engine.rows.wake()
            self.conductor.tick()

    def close(self) -> None:
        """Close the conductor; its last rows become due as time goes on."""
        thread = threading.Thread(target=self.conductor.close)
        thread.start()
        wait_until(lambda: self.pass_time(0.1) or not thread.is_alive(), what='the end')
