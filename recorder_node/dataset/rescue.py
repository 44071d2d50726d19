"""Saves what is whole in a damaged dataset, or in one that other programs left unfinished.

The original is only read. Rows are found by their own episode_index, in whichever file they lie;
an episode counts when its record, its rows and every frame of its videos fit together, and the
first that does not ends the rescue.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder_node.dataset import files, layout, schema
from recorder_node.dataset.compose import Part
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.records import (
    Episode,
    Span,
    checked_info,
    read_tasks,
    v21_episodes,
    v30_episodes,
)
from recorder_node.encoding.stats import Stats
from recorder_node.errors import DatasetError


class Wreck(Dataset):
    """A dataset as far as it can be read; `lost` says what could not.

    Args:
        root: its folder.
        fps: frames per second, where info.json gives no usable number.

    Raises:
        DatasetError: when info.json or the tasks cannot be read: nothing can be saved then.
    """

    def __init__(self, root: Path, fps: int = 0) -> None:
        self.root = root
        self.lost: list[str] = []
        path = root / layout.INFO
        text = files.opened(path, lambda: path.read_text(encoding='utf-8-sig'))
        self.info = files.opened(path, lambda: dict(json.loads(text)))
        given, counted = self.info.get('fps'), self.info.get('total_episodes')
        self.info |= {'fps': fps} if fps else {}
        self.info |= dict.fromkeys(('total_episodes', 'total_frames', 'total_tasks'), 0)
        self.info = checked_info(path, self.info)
        self.version = str(self.info['codebase_version'])
        self.fps = self.info['fps']
        self._given_fps = float(given) if isinstance(given, (int, float)) else float(self.fps)
        self._whole_frames: dict[str, int] = {}
        self.features = self.info['features']
        self.tasks = read_tasks(root, self.version)
        self._file = ('', pa.table({}))
        self.recorded = self._records()
        self.episodes = self.recorded
        if isinstance(counted, int) and counted > len(self.recorded):
            self.lost.append(
                f'info.json counts {counted} episodes, {len(self.recorded)} have a record'
            )

    def whole(self) -> list[Part]:
        """Return the episodes from the first on that are whole; `lost` names what ended them."""
        parts: list[Part] = []
        frames: dict[str, int] = {}
        for number, episode in enumerate(self.recorded):
            try:
                self._check(number, episode)
                spans = {key: self._span(episode, key, frames) for key in episode.videos}
            except DatasetError as error:
                self.lost.append(f'episode {number}: {error}')
                break
            frames |= {span.path: round(span.end_s * self.fps) for span in spans.values()}
            parts.append(Part(self, dataclasses.replace(episode, videos=spans)))
        return parts

    def rows(self, episode: Episode) -> pa.Table:
        """Return an episode's rows: from its own file, else from the one that holds them all."""
        counts = {
            name: int((numbers == episode.index).sum()) for name, numbers in self._rows_of.items()
        }
        names = [name for name, count in counts.items() if count == episode.length]
        if not names:
            raise DatasetError(
                f'no file below data/ holds its {episode.length} rows; there are '
                f'{sum(counts.values())}'
            )
        name = episode.data if episode.data in names else names[0]
        if self._file[0] != name:
            self._file = (name, files.read_table(self.root / name))
        at = np.flatnonzero(self._rows_of[name] == episode.index)
        if at[-1] - at[0] + 1 != episode.length:
            raise DatasetError(f'its rows in {name} do not follow one another')
        return self._file[1].slice(int(at[0]), episode.length)

    def stats(self, episode: Episode) -> dict[str, Stats]:
        """Return none: those of a damaged dataset are measured anew."""
        return {}

    def _records(self) -> list[Episode]:
        """Return the records, up to the first that cannot be read."""
        found: list[Episode] = []
        try:
            found.extend(self._v21_records() if self.version == layout.V21 else self._v30_records())
        except DatasetError as error:
            self.lost.append(str(error).removeprefix(f'{self.root}/'))
        return found

    def _v21_records(self) -> Iterator[Episode]:
        path = self.root / layout.V21_EPISODES
        lines = files.opened(path, lambda: path.read_bytes().splitlines())
        return v21_episodes(map(_line, lines), self.info, self.video_keys)

    def _v30_records(self) -> Iterator[Episode]:
        for name in self._names('meta/episodes/*/*.parquet'):
            yield from v30_episodes(self.root / name, name, self.video_keys, lenient=True)

    @functools.cached_property
    def _rows_of(self) -> dict[str, NDArray[np.int64]]:
        """The episode of every row, by file, of those files that can be read."""
        found = {}
        for name in self._names('data/*/*.parquet'):
            try:
                table = files.read_table(self.root / name, columns=['episode_index'])
                found[name] = table.column(0).to_numpy()
            except DatasetError as error:
                self.lost.append(str(error).removeprefix(f'{self.root}/'))
        return found

    def _names(self, pattern: str) -> list[str]:
        paths = sorted(self.root.glob(pattern))
        return [p.relative_to(self.root).as_posix() for p in paths if not p.name.startswith('._')]

    def _check(self, number: int, episode: Episode) -> None:
        """Refuse an episode whose rows are not all there and whole."""
        if episode.index != number or episode.length < 1:
            raise DatasetError(f'its record is that of episode {episode.index}')
        rows = self.rows(episode)
        for name in schema.columns_of(self.features):
            self.values(rows, name)
            if self.features[name]['dtype'] == 'image':
                _check_pictures(rows.column(name), name)
        if rows.column('frame_index').to_pylist() != list(range(episode.length)):
            raise DatasetError('frame_index does not count from 0')
        if not set(rows.column('task_index').to_pylist()) <= set(range(len(self.tasks))):
            raise DatasetError('its rows name a task that is not there')

    def _span(self, episode: Episode, key: str, frames: dict[str, int]) -> Span:
        """Return where an episode's frames lie in a video, by counting those before them.

        Raises:
            DatasetError: when its record says something else, or they do not all decode.
        """
        span = episode.videos[key]
        files.count_frames(self.root / span.path)
        begin = frames.get(span.path, 0)
        end = begin + episode.length
        # A wrong fps does not change by which rate the records were written.
        rates = (self.fps, self._given_fps)
        if all(round(span.begin_s * r) != begin or round(span.end_s * r) != end for r in rates):
            raise DatasetError(
                f'{span.path}: its frames are recorded from {span.begin_s} to {span.end_s} s, '
                f'those before it and its rows give {begin / self.fps} to {end / self.fps} s'
            )
        if span.path not in self._whole_frames:
            self._whole_frames[span.path] = _decodable(self.root / span.path)
        if self._whole_frames[span.path] < end:
            raise DatasetError(
                f'{span.path}: {self._whole_frames[span.path]} frames decode, it ends at {end}'
            )
        return Span(span.path, begin / self.fps, end / self.fps)


def _check_pictures(column: pa.ChunkedArray, name: str) -> None:
    """Refuse rows of which a picture does not decode."""
    for row, entry in enumerate(column):
        data = (entry.as_py() or {}).get('bytes') or b''
        if not data or cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) is None:
            raise DatasetError(f'{name}: the picture in row {row} does not decode')


def _line(line: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError) as error:
        raise DatasetError(f'{layout.V21_EPISODES}: a line is cut') from error


def _decodable(path: Path) -> int:
    count = 0
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = 'AUTO'
            for _ in container.decode(stream):
                count += 1
    except (av.FFmpegError, OSError, IndexError):
        # What came before the damage counts.
        return count
    return count
