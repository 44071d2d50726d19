"""The gate: whether the streams allow an episode to start, and in words why not."""

from __future__ import annotations

from collections.abc import Mapping

from recorder_node.session.publishers import Graph, described, mixed, wrong_type
from recorder_node.streams.buffer import StreamBuffer
from recorder_node.streams.clock_watch import Clock
from recorder_node.streams.freshness import why_not_fresh


class Gate:
    """Looks at clock, streams and publishers.

    Args:
        buffers: the streams.
        clock: ROS time.
        graph: who publishes.
    """

    def __init__(self, buffers: Mapping[str, StreamBuffer], clock: Clock, graph: Graph) -> None:
        self._buffers = buffers
        self._clock = clock
        self._graph = graph

    def why_shut(self, paused: bool) -> str:
        """Return why no episode can start now, '' when one can.

        Args:
            paused: simulated time stands still.
        """
        now_ns = self._clock.now_ns()
        if self._clock.simulated and not now_ns:
            return 'use_sim_time is true and nothing came on /clock yet'
        if paused:
            return '/clock stands still: the simulator or bag is paused'
        reasons = [self._why_shut_for(buffer, now_ns) for buffer in self._buffers.values()]
        return ' | '.join(filter(None, reasons))

    def mixed(self) -> list[str]:
        """Return in which streams the messages of several nodes mix, in words."""
        publishers = self._graph.publishers
        texts = (mixed(b, publishers(b.source.topic)) for b in self._buffers.values())
        return [text for text in texts if text]

    def _why_shut_for(self, buffer: StreamBuffer, now_ns: int) -> str:
        publishers = self._graph.publishers(buffer.source.topic)
        if why := why_not_fresh(buffer, now_ns):
            if not publishers:
                topics = ', '.join(self._graph.other_topics) or 'none'
                return f'{why}; no publisher; topics that have one: {topics}'
            wrong = wrong_type(buffer.source, publishers)
            return f'{why}; {wrong or f"published by {described(publishers)}"}'
        # Two that command at once: nobody could tell what was obeyed.
        is_action = buffer.key.partition('#')[0] == 'action'
        return mixed(buffer, publishers) if is_action else ''
