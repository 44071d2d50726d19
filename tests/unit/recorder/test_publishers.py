"""Publishers of another type, and several at once: told at the gate, in the take and its report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder_node.contract.contract import Contract, Source
from recorder_node.contract.contract_file import parse
from recorder_node.errors import ContractError
from recorder_node.session.machine import Event, State
from recorder_node.session.publishers import UNKNOWN_NODE, Publisher, mixed, wrong_type
from recorder_node.streams.buffer import StreamBuffer
from recorder_node.streams.messages import NS
from tests.session_bench import Bench

JOINTS = 'sensor_msgs/msg/JointState'
ONE, TWO = Publisher('/one', JOINTS), Publisher('/lab/two', JOINTS)
IMAGE = Publisher('/cam', 'sensor_msgs/msg/CompressedImage')


@pytest.fixture
def bench(tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]) -> Iterator[Bench]:
    bench = Bench(tmp_path, contract, buffers, start='manual', episode_time_s=60.0)
    bench.deliver()
    yield bench
    bench.close()


def stream(**values: Any) -> StreamBuffer:
    return StreamBuffer('observation.state', Source('/j', JOINTS, ('a',), **values), NS)


def test_a_type_that_differs_is_told_in_words() -> None:
    source = Source('/c', 'sensor_msgs/msg/Image')
    assert wrong_type(source, [IMAGE]) == (
        'published by /cam (sensor_msgs/msg/CompressedImage), '
        'but the contract says type: sensor_msgs/msg/Image'
    )
    assert wrong_type(source, [IMAGE, Publisher('/raw', 'sensor_msgs/msg/Image')]) == ''
    assert wrong_type(source, []) == ''


def test_two_nodes_mix_unless_that_is_allowed() -> None:
    assert '/lab/two and /one publish at once' in mixed(stream(), [ONE, TWO])
    assert mixed(stream(several_publishers=True), [ONE, TWO]) == ''


@pytest.mark.parametrize(
    'other', [ONE, IMAGE, Publisher(f'/ns/{UNKNOWN_NODE}', JOINTS)], ids=['again', 'type', 'new']
)
def test_what_is_no_second_publisher(other: Publisher) -> None:
    assert mixed(stream(), [ONE, other]) == ''


def test_nodes_that_share_a_topic_by_their_joints_do_not_mix() -> None:
    shared = stream()
    shared.note_foreign('grip')
    assert mixed(shared, [ONE, TWO]) == ''


def test_no_episode_starts_while_two_nodes_command(bench: Bench) -> None:
    bench.graph.by_topic['/applied'] = (ONE, TWO)
    decision, _ = bench.conductor.command(Event.START)
    assert not decision.accepted
    assert '/applied (action): /lab/two and /one publish at once' in decision.reason
    bench.graph.by_topic['/applied'] = (ONE,)
    assert bench.conductor.command(Event.START)[0].accepted


def test_two_nodes_on_an_observation_are_told_in_reply_log_and_report(bench: Bench) -> None:
    bench.graph.by_topic['/joints'] = (ONE, TWO)
    decision, _ = bench.conductor.command(Event.START)
    assert decision.accepted
    words = '/joints (observation.state): /lab/two and /one publish at once'
    assert words in decision.reason
    assert words in bench.conductor.message
    bench.pass_time(0.5)
    # Another joins while the take runs, be it for the action.
    bench.graph.by_topic['/applied'] = (ONE, TWO)
    for _ in range(3):
        bench.conductor.check_publishers()
    assert bench.state is State.RECORDING
    assert sum('publish at once' in line for line in bench.log.lines) == 2
    _, futures = bench.conductor.command(Event.SAVE)
    bench.pass_time(0.3)
    warnings = futures[0].result(timeout=20).report['warnings']
    assert sum('publish at once' in warning for warning in warnings) == 2


def test_the_gate_names_the_type_and_the_topics_that_exist(bench: Bench) -> None:
    bench.clock.advance(10 * NS)
    bench.graph.by_topic['/cam0/image_raw'] = (IMAGE,)
    reason = bench.conductor.command(Event.START)[0].reason
    assert 'but the contract says type: sensor_msgs/msg/Image' in reason
    assert '/joints (observation.state): last message is 10.0 s old' in reason
    assert 'no publisher; topics that have one: /other' in reason


def test_several_publishers_is_true_or_false() -> None:
    entry = {'topic': '/j', 'type': JOINTS, 'joints': ['a'], 'several_publishers': 'yes'}
    with pytest.raises(ContractError, match='several_publishers'):
        parse({'version': 1, 'robot_type': 'x', 'features': {'action': entry}})
    entry['several_publishers'] = True
    contract = parse({'version': 1, 'robot_type': 'x', 'features': {'action': entry}})
    assert contract.features[0].sources[0].several_publishers
