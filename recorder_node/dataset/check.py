"""Checks a LeRobot v3.0 dataset without lerobot and lists everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recorder_node.dataset import layout, tables

# LeRobot compares the time of a decoded frame with its row in float32 against this.
TIME_TOLERANCE_S = 1e-4
_STATISTICS = ('min', 'max', 'mean', 'std', 'count')


class Checker:
    """One run over one dataset; `problems` fills up, nothing is raised."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[str] = []
        self.episodes = 0
        self.frames = 0

    def run(self) -> list[str]:
        """Check everything that can be reached; return the problems."""
        info = self._step(
            layout.INFO, lambda: json.loads((self.root / layout.INFO).read_text(encoding='utf-8'))
        )
        if info is None:
            return self.problems
        version = info.get('codebase_version')
        if version != layout.CODEBASE_VERSION:
            self._wrong(
                f'codebase_version is {version!r}; this program checks {layout.CODEBASE_VERSION}'
            )
            return self.problems
        tasks = self._step(layout.TASKS, lambda: tables.read_tasks(self.root / layout.TASKS))
        episodes = self._step('meta/episodes', self._read_episodes)
        data = self._step('data', lambda: self._read_data(info['features']))
        self._check_counts(info, tasks, episodes, data)
        if episodes is None or data is None:
            return self.problems
        self._check_rows(info, episodes, data, tasks or [])
        for name, feature in info['features'].items():
            if feature['dtype'] == 'video':
                self._check_videos(name, info['fps'], episodes)
        self._check_stats(info, data)
        return self.problems

    def _wrong(self, text: str) -> None:
        self.problems.append(text)

    def _step(self, what: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            self._wrong(f'{what} cannot be read: {error}')
            return None

    def _read_episodes(self) -> list[dict[str, Any]]:
        files = sorted((self.root / 'meta/episodes').glob('*/*.parquet'))
        rows: list[dict[str, Any]] = []
        for path in files:
            names = [n for n in pq.read_schema(path).names if not n.startswith('stats/')]
            rows += pq.read_table(path, columns=names).to_pylist()
        return rows

    def _read_data(self, features: tables.Features) -> pa.Table:
        files = sorted((self.root / 'data').glob('*/*.parquet'))
        if not files:
            raise ValueError('there is no parquet file')
        parts = [pq.read_table(path) for path in files]
        want = set(tables.columns_of(features))
        for path, part in zip(files, parts, strict=True):
            if different := want ^ set(part.column_names):
                self._wrong(
                    f'{path.relative_to(self.root)}: columns differ from the features of '
                    f'info.json: {", ".join(sorted(different))}'
                )
        return pa.concat_tables(
            [part.replace_schema_metadata(None) for part in parts], promote_options='permissive'
        )

    def _check_counts(
        self,
        info: dict[str, Any],
        tasks: list[str] | None,
        episodes: list[dict[str, Any]] | None,
        data: pa.Table | None,
    ) -> None:
        for key, what, found in (
            (
                'total_episodes',
                'rows of meta/episodes',
                None if episodes is None else len(episodes),
            ),
            ('total_frames', 'rows of data', None if data is None else data.num_rows),
            ('total_tasks', 'tasks', None if tasks is None else len(tasks)),
        ):
            if found is not None and info.get(key) != found:
                self._wrong(f'info.json: {key} is {info.get(key)}, there are {found} {what}')
        self.episodes, self.frames = len(episodes or ()), data.num_rows if data else 0
        if info.get('splits') != {'train': f'0:{info.get("total_episodes")}'}:
            self._wrong(f'info.json: splits is {info.get("splits")}')

    def _check_rows(
        self, info: dict[str, Any], episodes: list[dict[str, Any]], data: pa.Table, tasks: list[str]
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
        for number, episode in enumerate(episodes):
            where = f'episode {number}'
            begin, end = episode['dataset_from_index'], episode['dataset_to_index']
            if episode['episode_index'] != number:
                self._wrong(f'meta/episodes row {number} is episode {episode["episode_index"]}')
            if begin != first or end - begin != episode['length'] or episode['length'] < 1:
                self._wrong(
                    f'{where}: rows {begin}..{end} do not follow {first} with length '
                    f'{episode["length"]}'
                )
            first = end
            rows = slice(begin, end)
            count = len(column['index'][rows])
            if count != episode['length']:
                self._wrong(f'{where}: {count} of {episode["length"]} rows are in data')
                continue
            frames = np.arange(count)
            if not np.array_equal(column['frame_index'][rows], frames):
                self._wrong(f'{where}: frame_index does not count from 0')
            if not (column['episode_index'][rows] == number).all():
                self._wrong(f'{where}: rows carry another episode_index')
            late = np.abs(column['timestamp'][rows] - frames / info['fps'])
            if late.max() > TIME_TOLERANCE_S:
                self._wrong(f'{where}: timestamp is off frame_index / fps by {late.max():.6f} s')
            used = {tasks[i] for i in column['task_index'][rows] if 0 <= i < len(tasks)}
            if used != set(episode['tasks']):
                self._wrong(
                    f'{where}: tasks are {sorted(episode["tasks"])}, rows use {sorted(used)}'
                )

    def _check_videos(self, name: str, fps: int, episodes: list[dict[str, Any]]) -> None:
        """Decode every file of a camera: it holds exactly its episodes' frames, on the grid."""
        ends: dict[str, float] = {}
        key = f'videos/{name}'
        for number, episode in enumerate(episodes):
            try:
                path = layout.VIDEO_PATH.format(
                    video_key=name,
                    chunk_index=episode[f'{key}/chunk_index'],
                    file_index=episode[f'{key}/file_index'],
                )
                begin, end = episode[f'{key}/from_timestamp'], episode[f'{key}/to_timestamp']
            except KeyError as error:
                self._wrong(f'episode {number}: meta/episodes has no column {error}')
                return
            if abs(begin - ends.get(path, 0.0)) > TIME_TOLERANCE_S:
                self._wrong(
                    f'episode {number}: {path} from {begin} s does not follow '
                    f'{ends.get(path, 0.0)} s'
                )
            if abs(end - begin - episode['length'] / fps) > TIME_TOLERANCE_S:
                self._wrong(
                    f'episode {number}: {path} has {end - begin:.4f} s for {episode["length"]} rows'
                )
            ends[path] = end
        for path, end in ends.items():
            want = round(end * fps)
            times = self._step(path, partial(_frame_times, self.root / path))
            if times is None:
                continue
            if len(times) != want:
                self._wrong(f'{path}: {len(times)} frames decode, its episodes have {want} rows')
            elif np.abs(times - np.arange(want) / fps).max() > TIME_TOLERANCE_S:
                self._wrong(f'{path}: frames are not at n / fps')

    def _check_stats(self, info: dict[str, Any], data: pa.Table) -> None:
        stats = self._step(
            layout.STATS, lambda: json.loads((self.root / layout.STATS).read_text(encoding='utf-8'))
        )
        if stats is None:
            return
        for name, feature in info['features'].items():
            if feature['dtype'] in ('string', 'language'):
                continue
            entry = stats.get(name)
            if not entry or any(key not in entry for key in _STATISTICS):
                self._wrong(f'stats.json: {name} has no complete statistics')
            elif feature['dtype'] not in ('video', 'image') and name in data.column_names:
                # All axes but the last are reduced.
                rows = data.column(name).to_pylist()
                values = np.array(rows, np.float64).reshape(-1, feature['shape'][-1])
                self._compare_stats(name, entry, values)

    def _compare_stats(self, name: str, entry: dict[str, Any], values: Any) -> None:
        mean, variance = values.mean(0), values.var(0)
        for key, true, allowed in (
            ('min', values.min(0), 1e-4),
            ('max', values.max(0), 1e-4),
            ('mean', mean, 1e-4),
            # lerobot computes E[x*x] - E[x]^2 in float32, so its noise is that of mean^2.
            ('std', np.sqrt(variance), np.sqrt(1e-5 * (variance + mean**2)) + 1e-4),
        ):
            have = np.asarray(entry[key], np.float64).reshape(-1)
            if (
                have.shape != true.shape
                or (np.abs(have - true) > allowed * (1 + np.abs(true))).any()
            ):
                self._wrong(
                    f'stats.json: {name}/{key} is {have.tolist()}, the rows give {true.tolist()}'
                )


def _frame_times(path: Path) -> Any:
    """Decode a video; return every frame's time in seconds."""
    try:
        with av.open(str(path)) as container:
            return np.array([frame.time for frame in container.decode(video=0)])
    except av.FFmpegError as error:
        raise ValueError(str(error)) from error
