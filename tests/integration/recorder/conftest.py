"""A recorder node with a robot beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy

from tests.lab import Bench


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Return a function that makes a bench; closed at the end."""
    benches: list[Bench] = []
    rclpy.init()

    def make_bench(*contract_text: str, **parameters: Any) -> Bench:
        benches.append(Bench(tmp_path, *contract_text, **parameters))
        return benches[-1]

    yield make_bench
    for bench in benches:
        bench.close()
    rclpy.shutdown()
