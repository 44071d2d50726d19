"""A dataset of either format as it lies on disk: its episodes, and where their parts are."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recorder_node import stats as statistics
from recorder_node.dataset import layout, tables
from recorder_node.errors import DatasetError
from recorder_node.stats import Stats


@dataclasses.dataclass(frozen=True)
class Span:
    """An episode's frames in a video file; `path` relative to the root."""

    path: str
    begin_s: float
    end_s: float


@dataclasses.dataclass(frozen=True)
class Episode:
    """Where an episode lies; paths relative to the root, `meta` only in format v3.0."""

    index: int
    tasks: tuple[str, ...]
    length: int
    first_row: int
    data: str
    videos: Mapping[str, Span]
    meta: str = ''


class Dataset:
    """Reads what info.json and the episodes' records say; rows and statistics on demand.

    Episodes beyond `total_episodes`, left by a crash, are not listed.

    Raises:
        DatasetError: when the folder is no dataset of a known format, or cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            self.info: dict[str, Any] = json.loads((root / layout.INFO).read_text(encoding='utf-8'))
            self.version = str(self.info.get('codebase_version'))
            if self.version not in layout.VERSIONS:
                raise DatasetError(
                    f'{root}: codebase_version is {self.version}; this program knows '
                    f'{" and ".join(layout.VERSIONS)}'
                )
            self.fps = int(self.info['fps'])
            self.features: dict[str, dict[str, Any]] = self.info['features']
            layout.check_names(self.features)
            self.tasks = read_tasks(root, self.version)
            self.recorded = read_episodes(root, self.info)
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise DatasetError(f'{root} cannot be read: {error}') from error
        self.episodes = self.recorded[: int(self.info['total_episodes'])]
        self._file: tuple[str, pa.Table] = ('', pa.table({}))

    @property
    def video_keys(self) -> list[str]:
        """The features that are stored as video."""
        return [name for name, feature in self.features.items() if feature['dtype'] == 'video']

    def rows(self, episode: Episode) -> pa.Table:
        """Return an episode's rows, all columns.

        Raises:
            DatasetError: when its file does not hold them.
        """
        if self._file[0] != episode.data:
            try:
                self._file = (episode.data, pq.read_table(self.root / episode.data))
            except (OSError, pa.ArrowException) as error:
                raise DatasetError(f'{self.root / episode.data} cannot be read: {error}') from error
        table = self._file[1]
        index = table.column('index').to_pylist()
        if episode.first_row not in index:
            raise DatasetError(f'{episode.data} does not hold row {episode.first_row}')
        rows = table.slice(index.index(episode.first_row), episode.length)
        if rows.num_rows != episode.length:
            raise DatasetError(
                f'{episode.data} holds {rows.num_rows} of {episode.length} rows of episode '
                f'{episode.index}'
            )
        return rows

    def stats(self, episode: Episode) -> dict[str, Stats]:
        """Return an episode's statistics as they are on disk; features without any are missing.

        Raises:
            DatasetError: when they cannot be read.
        """
        try:
            if self.version == layout.V30:
                return _v30_stats(self.root / episode.meta, episode.index)
            return self._v21_stats()[episode.index]
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise DatasetError(
                f'{self.root}: statistics of episode {episode.index}: {error}'
            ) from error

    def _v21_stats(self) -> dict[int, dict[str, Stats]]:
        return {
            line['episode_index']: statistics.from_lists(line['stats'])
            for line in read_lines(self.root / layout.V21_EPISODES_STATS)
        }


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON Lines file.

    Raises:
        OSError, ValueError: when it is missing or a line is no object.
    """
    lines = [json.loads(line) for line in path.read_bytes().splitlines() if line]
    if not all(isinstance(line, dict) for line in lines):
        raise ValueError(f'{path.name} holds something that is no object')
    return lines


def read_tasks(root: Path, version: str) -> list[str]:
    """Return the tasks by task_index.

    Raises:
        OSError, ValueError, pa.ArrowException: when they cannot be read.
    """
    if version == layout.V30:
        return tables.read_tasks(root / layout.TASKS)
    lines = read_lines(root / layout.V21_TASKS)
    if [line['task_index'] for line in lines] != list(range(len(lines))):
        raise ValueError(f'{layout.V21_TASKS}: task_index does not count from 0')
    return [str(line['task']) for line in lines]


def read_episodes(root: Path, info: Mapping[str, Any]) -> list[Episode]:
    """Return all recorded episodes, those of a crash included, in the order of the files.

    Raises:
        OSError, ValueError, KeyError, pa.ArrowException: when they cannot be read.
    """
    keys = [name for name, feature in info['features'].items() if feature['dtype'] == 'video']
    if info['codebase_version'] == layout.V21:
        return _v21_episodes(root, info, keys)
    episodes = []
    for path in sorted((root / 'meta/episodes').glob('*/*.parquet')):
        names = [n for n in pq.read_schema(path).names if not n.startswith(tables.STATS_PREFIX)]
        meta = str(path.relative_to(root))
        episodes += [
            _v30_episode(row, keys, meta) for row in pq.read_table(path, columns=names).to_pylist()
        ]
    return episodes


def _v30_episode(row: Mapping[str, Any], keys: list[str], meta: str) -> Episode:
    def place(prefix: str) -> layout.Place:
        return row[f'{prefix}/chunk_index'], row[f'{prefix}/file_index']

    return Episode(
        index=row['episode_index'],
        tasks=tuple(row['tasks']),
        length=row['length'],
        first_row=row['dataset_from_index'],
        data=layout.at(layout.DATA_PATH, place('data')),
        videos={
            key: Span(
                layout.at(layout.VIDEO_PATH, place(f'videos/{key}'), video_key=key),
                row[f'videos/{key}/from_timestamp'],
                row[f'videos/{key}/to_timestamp'],
            )
            for key in keys
        },
        meta=meta,
    )


def _v21_episodes(root: Path, info: Mapping[str, Any], keys: list[str]) -> list[Episode]:
    episodes = []
    first = 0
    size = info['chunks_size']
    for line in read_lines(root / layout.V21_EPISODES):
        index, length = line['episode_index'], line['length']
        spans = {
            key: Span(layout.v21_video(index, key, size), 0.0, length / info['fps']) for key in keys
        }
        data = layout.v21_data(index, size)
        episodes.append(Episode(index, tuple(line['tasks']), length, first, data, spans))
        first += length
    return episodes


def _v30_stats(path: Path, episode: int) -> dict[str, Stats]:
    table = pq.read_table(path, filters=[('episode_index', '=', episode)])
    found: dict[str, dict[str, Any]] = {}
    for column in table.column_names:
        if column.startswith(tables.STATS_PREFIX):
            feature, name = column.removeprefix(tables.STATS_PREFIX).rsplit('/', 1)
            value = table.column(column)[0].as_py()
            if value is not None:
                found.setdefault(feature, {})[name] = value
    return statistics.from_lists(found)
