"""What the recorder keeps beside LeRobot's files: a report per episode, and every row's stamps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import feather

from recorder_node.dataset import layout
from recorder_node.dataset.publish import Commit


def stamps(commit: Commit, episode: int, table: pa.Table) -> None:
    """Prepare an episode's stamps: per row `t_ns`, and per stream `stamp_ns` and `recv_ns`."""
    path = commit.new(layout.STAMPS_PATH.format(episode_index=episode))
    feather.write_feather(table, str(path), compression='lz4')


def report(commit: Commit, entry: Mapping[str, Any]) -> None:
    """Prepare one more line of `recorder/episodes.jsonl`; the last line about an episode counts."""
    commit.append(layout.REPORTS, json.dumps(entry))


def reports(root: Path) -> dict[int, dict[str, Any]]:
    """Return what is known about each episode; empty where nothing was kept."""
    found: dict[int, dict[str, Any]] = {}
    path = root / layout.REPORTS
    if not path.is_file():
        return found
    for line in path.read_bytes().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        index = int(entry.pop('episode_index'))
        if entry.get('removed'):
            found.pop(index, None)
        else:
            found[index] = entry
    return found
