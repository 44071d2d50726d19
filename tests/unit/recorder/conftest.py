"""Shared by tests of the recorder without ROS: sessions on a made-up clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder_node.contract.contract import Contract
from recorder_node.streams.buffer import StreamBuffer
from tests.conftest import FakeClock
from tests.session_bench import Bench


@pytest.fixture
def make(tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]) -> Iterator[Any]:
    """Return a function that makes a bench; closed at the end."""
    made: list[Bench] = []

    def make_bench(*clock: FakeClock, **values: Any) -> Bench:
        made.append(Bench(tmp_path, contract, buffers, *clock, **values))
        return made[-1]

    yield make_bench
    for bench in made:
        bench.close()
