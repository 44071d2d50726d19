"""Sessions in which every stream sends bad messages of every kind: recorded, counted exactly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from rclpy.node import Node

from recorder_node.contract.contract_file import parse
from recorder_node.dataset.check import Checker
from recorder_node.session.machine import Event, State
from recorder_node.streams.buffer import StreamBuffer
from recorder_node.streams.freshness import counted as in_words
from recorder_node.streams.intake import Intake
from recorder_node.streams.messages import NS, Units, extractor
from recorder_node.streams.sampler import make_buffers
from tests.bad_messages import BAD, CONTRACT, GOOD, Publishers
from tests.conftest import wait_until
from tests.lab import Bench as LabBench
from tests.session_bench import Bench

FPS = 10
RATES_HZ = {'action': 50, 'observation.state': 50, 'phase': 1}
TICK_NS = NS // 100
COUNTERS = ('malformed', 'ahead', 'behind', 'foreign')


class Session(Bench):
    """Twenty minutes in a few seconds: messages through the real door, on a clock of the test's."""

    def __init__(self, tmp_path: Path, publishers: Publishers) -> None:
        contract = parse(CONTRACT)
        buffers = make_buffers(contract, 2.2)
        super().__init__(
            tmp_path, contract, buffers, fps=FPS, start='manual', episode_time_s=900.0,
            num_episodes=9,
        )  # fmt: skip
        units = Units('degrees')
        self._intakes = {
            f.name: Intake(buffers[f.name], extractor(f, f.sources[0], units), lambda reason: None)
            for f in contract.features
        }
        self._publishers = publishers
        self._ticks = 0

    def tick(self, good: bool = False) -> None:
        """Let a hundredth of a second pass, and what is due arrive."""
        self.clock.advance(TICK_NS)
        self._ticks += 1
        now_ns = self.clock.now_ns()
        for key, intake in self._intakes.items():
            if self._ticks % (NS // TICK_NS // RATES_HZ.get(key, FPS)) == 0:
                made = [GOOD[key](now_ns)] if good else self._publishers.messages(key, now_ns)
                for message in made:
                    intake(message, now_ns)

    def record(self, seconds: float) -> None:
        """Record and save an episode of bad messages."""
        for _ in range(100):
            self.tick(good=True)
        decision, _ = self.conductor.command(Event.START)
        assert decision.accepted, decision.reason
        recording = self.conductor.engine.running
        assert recording is not None
        for _ in range(round(seconds * NS / TICK_NS)):
            self.tick()
            if self._ticks % 100 == 0:
                # As on a real clock, the sampler is hardly behind.
                due = (self.clock.now_ns() - recording.take.t0_ns) * FPS // NS - 2
                self.conductor.engine.rows.wake()
                wait_until(lambda d=due: recording.take.rows >= d, what='rows')
                self.conductor.tick()
                assert self.state is State.RECORDING, self.conductor.message
        _, futures = self.conductor.command(Event.SAVE)
        # What comes between the end and the last row counts too, so it is good.
        wait_until(lambda: self.settle() or recording.complete.is_set(), what='the last row')
        futures[0].result(timeout=60)

    def settle(self) -> None:
        """Let time pass with good messages alone."""
        self.tick(good=True)
        self.conductor.engine.rows.wake()


def check_report(report: dict[str, Any], sent: dict[str, Counter[str]]) -> None:
    """Compare a report's counts with what was sent."""
    for key, counted in sent.items():
        stream = report['streams'][key]
        assert {c: stream[c] for c in COUNTERS} == {c: counted[c] for c in COUNTERS}, key
        refused = counted['malformed'] + counted['ahead'] + counted['behind']
        assert stream['refused'] == refused
        assert (stream['lost'], stream['out_of_order']) == (0, 0), key
        words = f'{key}: {in_words(refused)} refused, last: '
        assert any(w.startswith(words) for w in report['warnings']) == bool(refused), key


def test_twenty_minutes_of_bad_messages_of_every_kind(tmp_path: Path) -> None:
    publishers = Publishers(share=0.01, seed=1)
    session = Session(tmp_path, publishers)
    try:
        for _ in range(2):
            for counter in publishers.sent.values():
                counter.clear()
            session.record(600.0)
            report = session.conductor.last_report
            assert report is not None
            assert report['rows'] >= 600 * FPS
            check_report(report, publishers.sent)
            for key, counted in publishers.sent.items():
                assert len(counted) > len({kind for kind, _ in BAD[key]}), 'good and every kind'
    finally:
        session.close()
    assert Checker(session.root).run() == []
    table = pq.read_table(session.root / 'data')
    assert set(table.column('action').to_pylist()[5]) >= {1.0}
    phases = table.column('phase').to_pylist()
    assert all(len(phase) < 100 for phase in phases)


@pytest.mark.parametrize('seed', range(3))
def test_half_of_all_messages_bad_is_still_recorded(tmp_path: Path, seed: int) -> None:
    publishers = Publishers(share=0.05, seed=seed)
    session = Session(tmp_path, publishers)
    try:
        session.record(30.0)
        assert session.conductor.last_report is not None
        check_report(session.conductor.last_report, publishers.sent)
    finally:
        session.close()


def counts(buffer: StreamBuffer) -> dict[str, int]:
    """Return what came on a stream, by kind, without the kinds that never came."""
    counters = buffer.counters()
    found = {kind: getattr(counters, kind) for kind in ('received', *COUNTERS)}
    return {kind: count for kind, count in found.items() if count}


class Spoiler(Node):
    """Publishes the five streams over real topics once everything is heard."""

    def __init__(self) -> None:
        super().__init__('spoiler')
        self.publishing = self.good = False
        self.source = Publishers(share=0.01, seed=7)
        self._ticks = 0
        self._topics = {
            key: self.create_publisher(type(make(NS)), CONTRACT['features'][key]['topic'], 50)
            for key, make in GOOD.items()
        }
        self.create_timer(0.01, self._tick)

    @property
    def is_heard(self) -> bool:
        """Whether every stream has its listener."""
        return all(publisher.get_subscription_count() for publisher in self._topics.values())

    def _tick(self) -> None:
        if not self.publishing:
            return
        self._ticks += 1
        now_ns = self.get_clock().now().nanoseconds
        for key, publisher in self._topics.items():
            if self._ticks % (100 // RATES_HZ.get(key, FPS)) == 0:
                for message in self.source.messages(key, now_ns):
                    publisher.publish(message)


def test_bad_messages_over_real_topics(make: Any, tmp_path: Path) -> None:
    bench: LabBench = make(yaml.safe_dump(CONTRACT), fps=FPS, max_gap_s=20.0)
    spoiler = Spoiler()
    bench.spin(spoiler)
    wait_until(lambda: spoiler.is_heard, what='the subscriptions')
    spoiler.publishing = True
    bench.start()
    bench.record_rows(60)
    assert bench.status['state'] == 'RECORDING'
    spoiler.publishing = False
    buffers = bench.recorder.conductor.buffers
    for key, sent in spoiler.source.sent.items():
        wait_until(
            lambda b=buffers[key], s=sent: counts(b) == dict(s),
            what=f'{key}: {sent}, {buffers[key].counters()}',
        )
    assert bench.call('save_episode').success
    assert Checker(bench.root).run() == []
