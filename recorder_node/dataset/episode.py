"""One episode as a dataset format appends it, wherever it comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder_node.dataset import layout, schema
from recorder_node.encoding import stats as statistics
from recorder_node.encoding.stats import Stats
from recorder_node.encoding.video import video_info


@dataclasses.dataclass(frozen=True)
class EpisodeData:
    """Rows, videos and picture statistics of an episode.

    `columns` hold the features that are no videos, without the index features; `task_of_row`
    numbers `tasks`, in order of first appearance; `videos` are finished mp4 files with exactly one
    frame per row, given away to the dataset; `extra` is what others keep in the episode's record.
    """

    length: int
    columns: Mapping[str, schema.Column]
    tasks: Sequence[str]
    task_of_row: NDArray[np.int32]
    videos: Mapping[str, Path]
    picture_stats: Mapping[str, Stats]
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def all_columns(
        self, number: int, first: int, tasks: Sequence[str], fps: int
    ) -> dict[str, schema.Column]:
        """Return the columns with the index features filled in for a place in a dataset.

        Args:
            number: episode_index.
            first: index of the first row.
            tasks: all tasks of the dataset, by task_index.
            fps: rows per second.
        """
        frames = np.arange(self.length, dtype=np.int64)
        numbers = np.array([tasks.index(task) for task in self.tasks], np.int64)
        index: dict[str, NDArray[Any]] = {
            'timestamp': (frames / fps).astype(np.float32),
            'frame_index': frames,
            'episode_index': np.full(self.length, number, np.int64),
            'index': first + frames,
            'task_index': numbers[self.task_of_row],
        }
        return {**self.columns, **{name: index[name].reshape(-1, 1) for name in index}}

    def statistics(
        self, columns: Mapping[str, schema.Column], features: schema.Features, version: str
    ) -> dict[str, Stats]:
        """Return the statistics of every feature that has them, in the features' order."""
        result = {}
        for name, feature in features.items():
            if schema.is_picture(feature):
                # In one order, whoever measured them.
                known = self.picture_stats[name]
                result[name] = {key: known[key] for key in statistics.NAMES if key in known}
            elif schema.has_statistics(feature):
                result[name] = _numbers(np.asarray(columns[name]), feature['shape'], version)
        if version == layout.V21:
            for entries in result.values():
                for quantile in statistics.QUANTILES:
                    entries.pop(quantile, None)
        return result


def merged_tasks(tasks: Sequence[str], more: Sequence[str]) -> list[str]:
    """Return all tasks, those known already first, so that their numbers stay."""
    return list(dict.fromkeys([*tasks, *more]))


def describe_video(feature: dict[str, Any], path: Path) -> None:
    """Fill in a video feature's `info` block from its first file, as LeRobot does."""
    info = feature.get('info') or {}
    if 'video.codec' not in info:
        feature['info'] = {**video_info(path), **info}


def _numbers(values: NDArray[Any], shape: Sequence[int], version: str) -> Stats:
    """Reduce all axes but the last (v3.0) or only the rows (v2.1); count is that of the rows."""
    rows = len(values)
    if version == layout.V30:
        result = statistics.numeric_stats(values.reshape(-1, shape[-1]))
    else:
        flat = statistics.numeric_stats(values.reshape(rows, -1))
        result = {name: value.reshape(shape) for name, value in flat.items() if name != 'count'}
    return {**result, 'count': np.array([rows], np.int64)}
