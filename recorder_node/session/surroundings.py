"""What a session needs of the node around it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from recorder_node.log import Log
from recorder_node.session.publishers import Graph
from recorder_node.streams.clock_watch import Clock


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """Clock, log, graph and callbacks that the node lends to its session.

    `has_publisher` tells whether anybody publishes on any topic; `changed` is called after every
    event;
    `reported` with every episode's report; `stop` ends the process with an exit code.
    """

    clock: Clock
    log: Log
    graph: Graph
    has_publisher: Callable[[str], bool]
    changed: Callable[[], None]
    reported: Callable[[Mapping[str, Any]], None]
    stop: Callable[[str, int], None]
