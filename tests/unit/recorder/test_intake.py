"""What becomes of messages at the door: taken, skipped, or refused, counted and named."""

from __future__ import annotations

from types import SimpleNamespace as Message

import pytest

from recorder_node.contract.contract_file import parse
from recorder_node.streams.buffer import StreamBuffer
from recorder_node.streams.freshness import why_not_fresh
from recorder_node.streams.intake import Intake
from recorder_node.streams.messages import NS, Units, extractor
from recorder_node.streams.sampler import make_buffers

NOW_NS = 1000 * NS


class Door:
    """Every stream of one contract."""

    def __init__(self, features: dict[str, object]) -> None:
        contract = parse({'version': 1, 'robot_type': 'x', 'features': features})
        self.buffers = make_buffers(contract, 3.0)
        self.refused: list[str] = []
        units = Units('degrees')
        sources = [(f, s) for f in contract.features for s in f.sources]
        self.intakes = [
            Intake(buffer, extractor(feature, source, units), self.refused.append)
            for buffer, (feature, source) in zip(self.buffers.values(), sources, strict=True)
        ]

    def receive(self, message: Message, recv_ns: int = NOW_NS) -> None:
        """Let a message arrive at every source."""
        for intake in self.intakes:
            intake(message, recv_ns)


def joints(stamp_ns: int = NOW_NS, **values: float) -> Message:
    return Message(
        header=Message(
            stamp=Message(sec=stamp_ns // NS, nanosec=stamp_ns % NS), frame_id=''
        ),
        name=list(values),
        position=list(values.values()),
    )  # fmt: skip


def arm(*names: str) -> dict[str, object]:
    return {'topic': '/j', 'type': 'sensor_msgs/msg/JointState', 'joints': list(names)}


@pytest.fixture
def door() -> Door:
    return Door({'observation.state': arm('a', 'b')})


def only(door: Door) -> StreamBuffer:
    (buffer,) = door.buffers.values()
    return buffer


def test_a_stamp_an_hour_ahead_is_refused_counted_and_named(door: Door) -> None:
    door.receive(joints(NOW_NS + 3600 * NS, a=1.0, b=2.0))
    assert why_not_fresh(only(door), NOW_NS) == (
        '/j (observation.state): 1 message refused, last: stamps are 3600.0 s ahead of this '
        "machine's clock; synchronise the clocks or use stamp: receive"
    )
    door.receive(joints(a=1.0, b=2.0))
    assert why_not_fresh(only(door), NOW_NS) == ''
    counters = only(door).counters()
    assert (counters.ahead, counters.refused, counters.received) == (1, 1, 1)
    assert len(door.refused) == 1


@pytest.mark.parametrize(
    ('message', 'reason'),
    [
        (joints(a=1.0), 'no joint b in the message; it has a'),
        (joints(), 'no joint a, b in the message; it has none'),
        (joints(a=float('nan'), b=1.0), 'not finite'),
        (joints(0, a=1.0, b=1.0), 'the header stamp is zero; use stamp: receive'),
        (Message(header=None, name=3), 'it cannot be read'),
    ],
)
def test_a_bad_message_costs_only_itself(door: Door, message: Message, reason: str) -> None:
    door.receive(joints(a=1.0, b=2.0))
    door.receive(message)
    door.receive(joints(NOW_NS + NS // 100, a=3.0, b=4.0))
    buffer = only(door)
    assert reason in buffer.last_refusal
    assert buffer.refusals().in_a_row == 0
    assert (buffer.counters().received, buffer.counters().malformed) == (2, 1)
    newest = buffer.newest()
    assert newest is not None
    assert list(newest.value) == [3.0, 4.0]


def test_a_joint_that_is_there_twice_is_refused(door: Door) -> None:
    message = joints(a=1.0, b=2.0)
    message.name, message.position = ['a', 'b', 'a'], [1.0, 2.0, 3.0]
    door.receive(message)
    assert only(door).last_refusal == '/j: joint a more than once in the message'


def test_other_publishers_joints_are_skipped_and_two_sources_pick_theirs() -> None:
    door = Door({'observation.state': {'sources': [arm('a', 'b'), arm('grip')]}})
    for k in range(3):
        door.receive(joints(NOW_NS + k, a=1.0, b=2.0))
        door.receive(joints(NOW_NS + k, grip=3.0))
    assert not door.refused
    for buffer in door.buffers.values():
        counters = buffer.counters()
        assert (counters.received, counters.foreign, counters.refused) == (3, 3, 0)


def test_names_that_never_come_are_told_with_those_that_do(door: Door) -> None:
    for _ in range(3):
        door.receive(joints(arm_a=1.0, arm_b=2.0))
    assert why_not_fresh(only(door), NOW_NS) == (
        '/j (observation.state): 3 messages without any of its joints (a, b), last: arm_a, arm_b'
    )
