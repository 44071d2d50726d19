"""Checks a LeRobot dataset of either format without lerobot and lists everything that is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recorder_node.dataset import check_pictures, check_stats, layout, schema
from recorder_node.dataset.publish import is_pending
from recorder_node.dataset.reader import Episode, read_episodes, read_tasks
from recorder_node.errors import DatasetError

T = TypeVar('T')
# LeRobot compares the time of a decoded frame with its row in float32 against this.
TIME_TOLERANCE_S = 1e-4
_KEYS = {
    layout.V30: ('data_files_size_in_mb', 'video_files_size_in_mb'),
    layout.V21: ('total_videos', 'total_chunks'),
}
_PATHS = {
    layout.V30: (layout.DATA_PATH, layout.VIDEO_PATH),
    layout.V21: (layout.V21_DATA_PATH, layout.V21_VIDEO_PATH),
}
READ_ERRORS = (OSError, ValueError, KeyError, TypeError, pa.ArrowException, DatasetError)


class Checker:
    """One run over one dataset; `problems` fills up, nothing is raised.

    `warnings` are what LeRobot ignores and a user might want to know.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.version = ''
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.episodes = 0
        self.frames = 0

    def run(self) -> list[str]:
        """Check everything that can be reached; return the problems."""
        if is_pending(self.root):
            self._wrong(
                'a change was cut; it is completed by: '
                f'ros2 run recorder recover {self.root}, or by recording with resume:=true'
            )
        info = self._step(
            layout.INFO, lambda: json.loads((self.root / layout.INFO).read_text(encoding='utf-8'))
        )
        if info is None or not self._check_info(info):
            return self.problems
        features = info['features']
        tasks = self._step('tasks', lambda: read_tasks(self.root, self.version))
        recorded = self._step('episodes', lambda: read_episodes(self.root, info))
        files = self._step('data', lambda: self._read_data(features))
        self._check_counts(info, tasks, recorded, files)
        if recorded is None or files is None:
            return self.problems
        data = pa.concat_tables(files.values(), promote_options='permissive')
        self._check_rows(info, recorded, data, tasks or [])
        self._check_files(info, recorded, files)
        self._check_values(features, data)
        for name, feature in features.items():
            if feature['dtype'] == 'video':
                self.problems += check_pictures.videos(
                    self.root, name, feature, info['fps'], recorded
                )
                self._check_strays(name, recorded)
            elif feature['dtype'] == 'image':
                self.problems += check_pictures.images(self.root, name, feature, list(files))
        self.problems += check_stats.check(self.root, info, recorded, data)
        return self.problems

    def _wrong(self, text: str) -> None:
        self.problems.append(text)

    def _step(self, what: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except READ_ERRORS as error:
            self._wrong(f'{what} cannot be read: {error}')
            return None

    def _check_info(self, info: Any) -> bool:
        """Check what everything else relies on; return whether to go on."""
        if not isinstance(info, dict):
            self._wrong(f'{layout.INFO} is no mapping')
            return False
        self.version = str(info.get('codebase_version'))
        if self.version not in layout.VERSIONS:
            self._wrong(
                f'codebase_version is {info.get("codebase_version")!r}; this program checks '
                f'{" and ".join(layout.VERSIONS)}'
            )
            return False
        numbers = ('total_episodes', 'total_frames', 'total_tasks', 'chunks_size', 'fps')
        good = True
        for key in (*numbers, *_KEYS[self.version]):
            if not isinstance(info.get(key), (int, float)) or info[key] < 0:
                self._wrong(f'info.json: {key} is {info.get(key)!r}')
                good = False
        if not isinstance(info.get('features'), dict):
            self._wrong('info.json: features are missing')
            return False
        for key in ('fps', 'chunks_size'):
            if good and info[key] <= 0:
                self._wrong(f'info.json: {key} is {info[key]}')
                good = False
        videos = any(_get(f, 'dtype') == 'video' for f in info['features'].values())
        data_path, video_path = _PATHS[self.version]
        for key, want in (('data_path', data_path), ('video_path', video_path if videos else None)):
            if info.get(key) != want:
                self._wrong(f'info.json: {key} is {info.get(key)!r}, it should be {want!r}')
        return self._check_features(info['features']) and good

    def _check_features(self, features: Mapping[str, Any]) -> bool:
        good = True
        for name, feature in features.items():
            shape = _get(feature, 'shape')
            if '/' in name or name in ('', '.', '..') or not _get(feature, 'dtype'):
                self._wrong(f'info.json: feature "{name}" has a slash in its name, or no dtype')
                good = False
            elif not isinstance(shape, list) or not all(isinstance(n, int) for n in shape):
                self._wrong(f'info.json: feature "{name}" has shape {shape!r}')
                good = False
            elif 'image' in name and not schema.is_picture(feature):
                self._wrong(f'info.json: lerobot takes "{name}" for a picture')
        for name, want in layout.INDEX_FEATURES.items():
            have = features.get(name, {})
            if (have.get('dtype'), have.get('shape')) != (want['dtype'], want['shape']):
                self._wrong(f'info.json: feature "{name}" is {have!r}, it should be {want!r}')
                good = False
        return good

    def _read_data(self, features: schema.Features) -> dict[str, pa.Table]:
        """Return the rows by file, in the order in which lerobot joins them, without pictures."""
        paths = sorted((self.root / 'data').glob('*/*.parquet'))
        if not paths:
            raise ValueError('there is no parquet file')
        want = schema.columns_of(features)
        files = {}
        for path in paths:
            name = str(path.relative_to(self.root))
            have = pq.read_schema(path).names
            if different := set(want) ^ set(have):
                self._wrong(
                    f'{name}: columns differ from the features of info.json: '
                    f'{", ".join(sorted(different))}'
                )
            plain = [n for n in want if n in have and features[n]['dtype'] != 'image']
            files[name] = pq.read_table(path, columns=plain).replace_schema_metadata(None)
        return files

    def _check_counts(
        self,
        info: dict[str, Any],
        tasks: list[str] | None,
        recorded: list[Episode] | None,
        files: dict[str, pa.Table] | None,
    ) -> None:
        rows = None if files is None else sum(table.num_rows for table in files.values())
        episodes = None if recorded is None else len(recorded)
        for key, what, found in (
            ('total_episodes', 'records of episodes', episodes),
            ('total_frames', 'rows of data', rows),
            ('total_tasks', 'tasks', None if tasks is None else len(tasks)),
        ):
            if found is not None and info.get(key) != found:
                self._wrong(f'info.json: {key} is {info.get(key)}, there are {found} {what}')
        self.episodes, self.frames = episodes or 0, rows or 0
        if info.get('splits') != {'train': f'0:{info.get("total_episodes")}'}:
            self._wrong(f'info.json: splits is {info.get("splits")}')
        if self.version == layout.V21:
            videos = sum(f['dtype'] == 'video' for f in info['features'].values())
            for key, count in (
                ('total_videos', self.episodes * videos),
                ('total_chunks', -(-self.episodes // info['chunks_size'])),
            ):
                if info[key] != count:
                    self._wrong(f'info.json: {key} is {info[key]}, it should be {count}')

    def _check_rows(
        self, info: dict[str, Any], recorded: list[Episode], data: pa.Table, tasks: list[str]
    ) -> None:
        column = {
            name: data.column(name).to_numpy()
            for name in layout.INDEX_FEATURES
            if name in data.column_names
        }
        if len(column) < len(layout.INDEX_FEATURES):
            return
        if not np.array_equal(column['index'], np.arange(data.num_rows)):
            self._wrong('data: index is not the row number')
        first = 0
        for number, episode in enumerate(recorded):
            where = f'episode {number}'
            if episode.index != number:
                self._wrong(f'record {number} is that of episode {episode.index}')
            if episode.first_row != first or episode.length < 1:
                self._wrong(
                    f'{where}: {episode.length} rows from {episode.first_row} do not follow {first}'
                )
            first = episode.first_row + episode.length
            rows = slice(episode.first_row, first)
            count = len(column['index'][rows])
            if count != episode.length:
                self._wrong(f'{where}: {count} of {episode.length} rows are in data')
                continue
            frames = np.arange(count)
            if not np.array_equal(column['frame_index'][rows], frames):
                self._wrong(f'{where}: frame_index does not count from 0')
            if not (column['episode_index'][rows] == number).all():
                self._wrong(f'{where}: rows carry another episode_index')
            late = np.abs(column['timestamp'][rows] - frames / info['fps'])
            if not late.max(initial=0.0) <= TIME_TOLERANCE_S:
                self._wrong(f'{where}: timestamp is off frame_index / fps by {late.max():.6f} s')
            numbers = {int(index) for index in column['task_index'][rows]}
            used = {tasks[index] if 0 <= index < len(tasks) else index for index in numbers}
            if used != set(episode.tasks):
                self._wrong(f'{where}: tasks are {list(episode.tasks)}, rows use {list(used)}')

    def _check_files(
        self, info: dict[str, Any], recorded: list[Episode], files: dict[str, pa.Table]
    ) -> None:
        """Every episode is in the file that its record names, and every file is named."""
        begins, first = {}, 0
        for name, table in files.items():
            begins[name] = (first, first + table.num_rows)
            first += table.num_rows
        for episode in recorded:
            begin, end = begins.get(episode.data, (0, -1))
            if not begin <= episode.first_row <= episode.first_row + episode.length <= end:
                self._wrong(f'episode {episode.index}: its rows are not in {episode.data}')
        for name in sorted(set(files) - {episode.data for episode in recorded}):
            self._wrong(f'{name}: no episode is recorded as lying there, yet lerobot reads it')

    def _check_values(self, features: schema.Features, data: pa.Table) -> None:
        for name in data.column_names:
            try:
                values = schema.values_of(data.column(name), features[name])
            except (ValueError, pa.ArrowException) as error:
                self._wrong(f'data: {name}: {error}')
                continue
            if features[name]['dtype'].startswith('float'):
                bad = ~np.isfinite(np.asarray(values)).reshape(data.num_rows, -1).all(axis=1)
                if bad.any():
                    row = int(np.flatnonzero(bad)[0])
                    self._wrong(f'data: {name} is not finite in {bad.sum()} rows, first in {row}')

    def _check_strays(self, key: str, recorded: list[Episode]) -> None:
        """Tell of video files that no episode names."""
        named = {episode.videos[key].path for episode in recorded if key in episode.videos}
        paths = [*self.root.glob('videos/*/*/*.mp4')]
        strays = {str(path.relative_to(self.root)) for path in paths if key in path.parts} - named
        self.warnings += [f'{path}: no episode shows it' for path in sorted(strays)]


def _get(feature: Any, key: str) -> Any:
    return feature.get(key) if isinstance(feature, dict) else None
