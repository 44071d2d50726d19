"""What becomes of a message: a sample in its stream's buffer, or refused, counted and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recorder_node.errors import ForeignMessage, StreamError
from recorder_node.streams.buffer import Sample, StreamBuffer
from recorder_node.streams.freshness import AHEAD_NS, ahead
from recorder_node.streams.messages import Extractor


class Intake:
    """Takes the messages of one source in.

    Args:
        buffer: gets what is good, and counts what is not.
        extract: reads a message.
        refused: told, in words, about every message that is of no use.
    """

    def __init__(
        self, buffer: StreamBuffer, extract: Extractor, refused: Callable[[str], None]
    ) -> None:
        self._buffer = buffer
        self._extract = extract
        self._refused = refused

    def __call__(self, message: Any, recv_ns: int) -> None:
        """Take a message in that came at `recv_ns` (ROS time)."""
        try:
            reading = self._extract(message)
        except ForeignMessage as foreign:
            self._buffer.note_foreign(foreign.names)
            return
        except StreamError as error:
            self._refuse('malformed', str(error))
            return
        except Exception as error:  # whatever it holds, it costs no more than itself
            topic = self._buffer.source.topic
            self._refuse('malformed', f'{topic}: it cannot be read: {error!r}')
            return
        stamp_ns = recv_ns if reading.stamp_ns is None else reading.stamp_ns
        if stamp_ns - recv_ns > AHEAD_NS:
            self._refuse('ahead', ahead(stamp_ns - recv_ns))
            return
        sample = Sample(stamp_ns, recv_ns, reading.frame_id, reading.value)
        if reason := self._buffer.push(sample):
            self._tell(reason)

    def _refuse(self, kind: str, reason: str) -> None:
        self._buffer.refuse(kind, reason)
        self._tell(reason)

    def _tell(self, reason: str) -> None:
        self._refused(f'{self._buffer.key}: a message is refused: {reason}')
