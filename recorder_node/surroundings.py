"""What a session needs of the node around it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from recorder_node.clock_watch import Clock
from recorder_node.log import Log
from recorder_node.publishers import Publisher


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """Clock, log, graph and callbacks that the node lends to its session.

    `publishers` tells who publishes on a topic of the contract, `other_topics` which topics have a
    publisher, both as they were a moment ago; `has_publisher` whether anybody publishes;
    `changed` is called after every event;
    `reported` with every episode's report; `stop` ends the process with an exit code.
    """

    clock: Clock
    log: Log
    publishers: Callable[[str], Sequence[Publisher]]
    other_topics: Callable[[], Sequence[str]]
    has_publisher: Callable[[str], bool]
    changed: Callable[[], None]
    reported: Callable[[Mapping[str, Any]], None]
    stop: Callable[[str, int], None]
