"""Appends sealed takes to a LeRobot v3.0 dataset, each durable before the next.

Order of every publication, everything fsynced first: source stamps, videos, tasks, data, stats,
meta/episodes, info.json. A reader at any moment sees a whole dataset: files that no row of
meta/episodes names are ignored, and the counters change last.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recorder_node import stats as statistics
from recorder_node.contract import Contract
from recorder_node.dataset import layout, tables
from recorder_node.dataset.publish import Staging
from recorder_node.errors import DatasetError
from recorder_node.journal import fsync_path
from recorder_node.take import SealedTake, feature_table
from recorder_node.video import video_info

# The last file of data and of meta/episodes is rewritten by every save until it is this large,
# so that the cost of a save stays the same however long the dataset grows.
TAIL_BYTES = 2 * 2**20


@dataclasses.dataclass
class _Tail:
    """The last file of one kind: its place and the row groups in it."""

    place: layout.Place
    groups: list[pa.Table] = dataclasses.field(default_factory=list)
    size: int = 0

    def advance(self) -> None:
        """Begin a new file when the present one is large enough."""
        if self.groups and self.size >= TAIL_BYTES:
            self.place, self.groups, self.size = layout.following(self.place), [], 0


class DatasetWriter:
    """A dataset being extended; one instance per root, used by one thread.

    Args:
        root: the dataset's folder; created with the first episode.
        contract: gives features and robot type.
        fps: rows per second.
        resume: extend the dataset that is there instead of refusing it.

    Raises:
        ConfigError: when the root cannot be used.
        DatasetError: when a dataset to resume is damaged or does not match, every difference
            listed.
    """

    def __init__(self, root: Path, contract: Contract, fps: int, resume: bool) -> None:
        layout.check_root(root, resume)
        self.root = root
        self._staging = layout.recording_folder(root) / 'publish'
        self._features: dict[str, dict[str, Any]] = {
            **feature_table(contract),
            **layout.INDEX_FEATURES,
        }
        self._tasks: list[str] = []
        self._stats: dict[str, statistics.Stats] = {}
        self._info = self._new_info(contract, fps)
        if resume:
            self._load(contract, fps)
        self._data = _Tail(layout.next_free(root / 'data'))
        self._episodes = _Tail(layout.next_free(root / 'meta/episodes'))
        self._video_places = {
            f.name: layout.next_free(root / 'videos' / f.name) for f in contract.cameras
        }

    @property
    def total_episodes(self) -> int:
        """Episodes that are durable in the dataset."""
        return int(self._info['total_episodes'])

    @property
    def total_frames(self) -> int:
        """Rows that are durable in the dataset."""
        return int(self._info['total_frames'])

    def publish(self, take: SealedTake, report: Mapping[str, Any]) -> int:
        """Append a take as the next episode and return its index; durable on return.

        Raises:
            OSError: when the disk refuses; the dataset is then as it was.
        """
        episode = self.total_episodes
        first = self.total_frames
        tasks = self._tasks + [task for task in take.tasks if task not in self._tasks]
        columns = self._columns(take, episode, first, tasks)
        stats = {
            **take.stats,
            **{name: statistics.numeric_stats(columns[name]) for name in layout.INDEX_FEATURES},
        }
        self._data.advance()
        self._episodes.advance()

        staging = Staging(self.root, self._staging)
        staging.parquet(layout.STAMPS_PATH.format(episode_index=episode), [_stamps_table(take)])
        for name, path in take.videos.items():
            self._features[name].setdefault('info', video_info(path))
            staging.move(path, _path(layout.VIDEO_PATH, self._video_places[name], video_key=name))
        staging.parquet(layout.TASKS, [tables.tasks_table(tasks)])
        data = tables.data_table(columns, self._features)
        staging.parquet(_path(layout.DATA_PATH, self._data.place), [*self._data.groups, data])
        total_stats = statistics.aggregate([self._stats, stats]) if self._stats else stats
        staging.json(layout.STATS, statistics.to_lists(total_stats))
        row = tables.episode_table(self._episode_row(take, episode, first), stats)
        staging.parquet(
            _path(layout.EPISODES_PATH, self._episodes.place), [*self._episodes.groups, row]
        )
        info = {
            **self._info,
            'total_episodes': episode + 1,
            'total_frames': first + take.rows,
            'total_tasks': len(tasks),
            'splits': {'train': f'0:{episode + 1}'},
            'features': self._features,
        }
        staging.json(layout.INFO, info)
        staging.commit()

        self._info, self._tasks, self._stats = info, tasks, total_stats
        self._grow(self._data, data, layout.DATA_PATH)
        self._grow(self._episodes, row, layout.EPISODES_PATH)
        for name in take.videos:
            self._video_places[name] = layout.following(self._video_places[name])
        self._append_report({'episode_index': episode, **report})
        take.remove()
        return episode

    def _grow(self, tail: _Tail, group: pa.Table, template: str) -> None:
        tail.groups.append(group)
        tail.size = (self.root / _path(template, tail.place)).stat().st_size

    def _columns(
        self, take: SealedTake, episode: int, first: int, tasks: list[str]
    ) -> dict[str, Any]:
        frames = np.arange(take.rows, dtype=np.int64)
        numbers = np.array([tasks.index(task) for task in take.tasks], np.int64)
        columns: dict[str, Any] = dict(take.columns)
        columns['timestamp'] = (frames / take.fps).astype(np.float32)
        columns['frame_index'] = frames
        columns['episode_index'] = np.full(take.rows, episode, np.int64)
        columns['index'] = first + frames
        columns['task_index'] = numbers[take.task_of_row]
        for name in layout.INDEX_FEATURES:
            columns[name] = columns[name].reshape(-1, 1)
        return columns

    def _episode_row(self, take: SealedTake, episode: int, first: int) -> dict[str, Any]:
        row: dict[str, Any] = {
            'episode_index': episode,
            'tasks': list(take.tasks),
            'length': take.rows,
            'data/chunk_index': self._data.place[0],
            'data/file_index': self._data.place[1],
            'dataset_from_index': first,
            'dataset_to_index': first + take.rows,
        }
        for name in take.videos:
            row[f'videos/{name}/chunk_index'], row[f'videos/{name}/file_index'] = (
                self._video_places[name]
            )
            row[f'videos/{name}/from_timestamp'] = 0.0
            row[f'videos/{name}/to_timestamp'] = take.rows / take.fps
        row['meta/episodes/chunk_index'], row['meta/episodes/file_index'] = self._episodes.place
        return row

    def _append_report(self, report: Mapping[str, Any]) -> None:
        path = self.root / layout.REPORTS
        with path.open('a', encoding='utf-8') as file:
            file.write(json.dumps(report) + '\n')
        fsync_path(path)

    def _new_info(self, contract: Contract, fps: int) -> dict[str, Any]:
        return {
            'codebase_version': layout.CODEBASE_VERSION,
            'robot_type': contract.robot_type,
            'total_episodes': 0,
            'total_frames': 0,
            'total_tasks': 0,
            'chunks_size': layout.CHUNKS_SIZE,
            'data_files_size_in_mb': layout.DATA_FILES_SIZE_IN_MB,
            'video_files_size_in_mb': layout.VIDEO_FILES_SIZE_IN_MB,
            'fps': fps,
            'splits': {},
            'data_path': layout.DATA_PATH,
            'video_path': layout.VIDEO_PATH if contract.cameras else None,
            'features': self._features,
        }

    def _load(self, contract: Contract, fps: int) -> None:
        """Take over an existing dataset, or say every reason why not."""
        try:
            info = json.loads((self.root / layout.INFO).read_text(encoding='utf-8'))
            stats_text = (self.root / layout.STATS).read_text(encoding='utf-8')
            self._stats = statistics.from_lists(json.loads(stats_text))
            self._tasks = tables.read_tasks(self.root / layout.TASKS)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise DatasetError(f'{self.root} cannot be resumed: {error}') from error
        if differences := self._differences(info, contract, fps):
            raise DatasetError(f'{self.root} cannot be resumed:\n  - ' + '\n  - '.join(differences))
        self._info = info
        self._features = info['features']
        rows = sum(
            pq.read_metadata(path).num_rows
            for path in (self.root / 'meta/episodes').glob('*/*.parquet')
        )
        if rows != info['total_episodes']:
            raise DatasetError(
                f'{self.root} cannot be resumed: info.json counts {info["total_episodes"]} '
                f'episodes, meta/episodes has {rows}'
            )

    def _differences(self, info: Mapping[str, Any], contract: Contract, fps: int) -> list[str]:
        found = []
        for key, want in (
            ('codebase_version', layout.CODEBASE_VERSION),
            ('fps', fps),
            ('robot_type', contract.robot_type),
        ):
            if info.get(key) != want:
                found.append(f'{key} is {info.get(key)!r} there and {want!r} here')
        there, here = info.get('features', {}), self._features
        found += [f'feature "{name}" is missing there' for name in here if name not in there]
        found += [f'feature "{name}" is missing here' for name in there if name not in here]
        for name in here:
            for key in ('dtype', 'shape', 'names'):
                a, b = there.get(name, {}).get(key), here[name][key]
                if name in there and a != b:
                    found.append(f'feature "{name}": {key} is {a} there and {b} here')
        if not found and list(there) != list(here):
            found.append(f'features are in another order there: {", ".join(there)}')
        return found


def _path(template: str, place: layout.Place, **names: str) -> str:
    return template.format(chunk_index=place[0], file_index=place[1], **names)


def _stamps_table(take: SealedTake) -> pa.Table:
    """Return per row and stream when the value was measured and when it arrived (ROS time)."""
    columns: dict[str, NDArray[np.int64]] = {
        't_ns': take.t0_ns + np.arange(take.rows) * 1_000_000_000 // take.fps
    }
    for number, key in enumerate(take.streams):
        columns[f'{key}/stamp_ns'] = take.stamps_ns[:, number]
        columns[f'{key}/recv_ns'] = take.recv_ns[:, number]
    return pa.table({name: np.ascontiguousarray(values) for name, values in columns.items()})
