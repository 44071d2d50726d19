"""A dataset of either format as it lies on disk: its episodes, and where their parts are."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recorder_node.dataset import files, layout, schema, tables
from recorder_node.dataset.records import Episode as Episode
from recorder_node.dataset.records import Span as Span
from recorder_node.dataset.records import read_episodes, read_info, read_tasks
from recorder_node.encoding import stats as statistics
from recorder_node.encoding.stats import Stats
from recorder_node.errors import DatasetError


class Dataset:
    """Reads what info.json and the episodes' records say; rows and statistics on demand.

    Episodes beyond `total_episodes`, left by a crash, are not listed.

    Raises:
        DatasetError: when the folder is no dataset of a known format, or cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.info = read_info(root)
        self.version = str(self.info['codebase_version'])
        self.fps = int(self.info['fps'])
        self.features: dict[str, dict[str, Any]] = self.info['features']
        self.tasks = read_tasks(root, self.version)
        self.recorded = read_episodes(root, self.info)
        self.episodes = self.recorded[: self.info['total_episodes']]
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
            self._file = (episode.data, files.read_table(self.root / episode.data))
        table = self._file[1]
        path = self.root / episode.data
        for name in ('index', 'episode_index'):
            if name not in table.column_names:
                raise DatasetError(f'{path} has no column {name}')
        at = np.flatnonzero(table.column('index').to_numpy() == episode.first_row)
        rows = table.slice(int(at[0]) if len(at) else table.num_rows, episode.length)
        if rows.num_rows != episode.length:
            raise DatasetError(
                f'{path} holds {rows.num_rows} of the {episode.length} rows from '
                f'{episode.first_row} of episode {episode.index}'
            )
        if not (rows.column('episode_index').to_numpy() == episode.index).all():
            raise DatasetError(
                f'{path}: the rows from {episode.first_row}, recorded as those of episode '
                f'{episode.index}, carry another episode_index'
            )
        return rows

    def values(self, rows: pa.Table, name: str) -> schema.Column:
        """Return a feature's values of rows.

        Raises:
            DatasetError: when the column is missing or is not what the feature says.
        """
        if name not in rows.column_names:
            raise DatasetError(f'{self.root}: the rows have no column {name}')
        try:
            return schema.values_of(rows.column(name), self.features[name])
        except (ValueError, pa.ArrowException) as error:
            raise DatasetError(f'{self.root}: {name}: {error}') from error

    def stats(self, episode: Episode) -> dict[str, Stats]:
        """Return an episode's statistics as they are on disk; features without any are missing.

        Raises:
            DatasetError: when they cannot be read.
        """
        if self.version == layout.V30:
            return _v30_stats(self.root / episode.meta, episode)
        path = self.root / layout.V21_EPISODES_STATS
        if episode.index not in self._v21_stats:
            raise DatasetError(f'{path} has no line for episode {episode.index}')
        return _stats(path, episode, self._v21_stats[episode.index])

    @functools.cached_property
    def _v21_stats(self) -> dict[Any, Any]:
        lines = files.read_lines(self.root / layout.V21_EPISODES_STATS)
        return {
            line['episode_index']: line.get('stats')
            for line in lines
            if isinstance(line.get('episode_index'), int)
        }


def _v30_stats(path: Path, episode: Episode) -> dict[str, Stats]:
    table = files.read_table(path, filters=[('episode_index', '=', episode.index)])
    found: dict[str, dict[str, Any]] = {}
    for column in table.column_names:
        if column.startswith(tables.STATS_PREFIX) and table.num_rows:
            feature, name = column.removeprefix(tables.STATS_PREFIX).rsplit('/', 1)
            value = table.column(column)[0].as_py()
            if value is not None:
                found.setdefault(feature, {})[name] = value
    return _stats(path, episode, found)


def _stats(path: Path, episode: Episode, found: Any) -> dict[str, Stats]:
    try:
        return statistics.from_lists(found)
    except (ValueError, TypeError, AttributeError) as error:
        raise DatasetError(f'{path}: statistics of episode {episode.index}: {error}') from error
