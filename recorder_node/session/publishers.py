"""What the publishers of a topic mean for a stream: of another type, or several that mix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from recorder_node.contract.contract import Source
from recorder_node.streams.buffer import StreamBuffer

# Discovery tells of a publisher before it tells of its node.
UNKNOWN_NODE = '_NODE_NAME_UNKNOWN_'


class Publisher(NamedTuple):
    """A node that publishes on a topic, by its full name, and the type of its messages."""

    node: str
    type: str


class Graph(Protocol):
    """Who publishes, as it was a moment ago: to ask is quick and waits for nobody."""

    @property
    def other_topics(self) -> Sequence[str]:
        """Topics with a publisher, known while a topic of the contract has none."""

    def publishers(self, topic: str) -> Sequence[Publisher]:
        """Return who publishes on a topic of the contract."""


def described(publishers: Iterable[Publisher]) -> str:
    """Name publishers with their types."""
    return ', '.join(sorted({f'{p.node} ({p.type})' for p in publishers}))


def wrong_type(source: Source, publishers: Iterable[Publisher]) -> str:
    """Say that nobody publishes what the contract says, '' when somebody does or nobody at all."""
    everybody = tuple(publishers)
    if not everybody or any(p.type == source.type for p in everybody):
        return ''
    return f'published by {described(everybody)}, but the contract says type: {source.type}'


def mixed(buffer: StreamBuffer, publishers: Iterable[Publisher]) -> str:
    """Say that the messages of several nodes mix in a stream, '' when they do not.

    A node that is seen twice was restarted. Where messages are skipped for their joints, the
    nodes share the topic in order.
    """
    source = buffer.source
    nodes = {p.node for p in publishers if p.type == source.type and UNKNOWN_NODE not in p.node}
    if len(nodes) < 2 or source.several_publishers or buffer.counters().foreign:
        return ''
    return (
        f'{source.topic} ({buffer.key}): {" and ".join(sorted(nodes))} publish at once and their '
        'messages mix; stop one, or set several_publishers: true in the contract'
    )
