"""What LeRobot's loader and samplers need of a v3.0 dataset, at any moment."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from recorder_node.dataset import layout
from recorder_node.dataset.files import count_frames
from recorder_node.dataset.reader import Dataset


def check_readable(root: Path) -> None:
    """Assert that every row that meta/episodes names is there, with its frames."""
    info = json.loads((root / layout.INFO).read_text())
    dataset = Dataset(root)
    rows = 0
    for path in sorted((root / 'data').glob('*/*.parquet')):
        index = pq.read_table(path).column('index').to_pylist()
        assert index == list(range(rows, rows + len(index)))
        rows += len(index)
    assert len(dataset.episodes) == info['total_episodes']
    assert info['total_tasks'] <= len(dataset.tasks)
    for episode in dataset.recorded:
        assert episode.first_row + episode.length <= rows
        for span in episode.videos.values():
            assert count_frames(root / span.path) >= round(span.end_s * dataset.fps)
    assert json.loads((root / layout.STATS).read_text())
