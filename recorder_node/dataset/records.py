"""What a dataset records of itself: info.json, its tasks, and where each episode lies."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from recorder_node.dataset import files, layout, tables
from recorder_node.errors import DatasetError

_V30_KEYS = re.compile(
    r'episode_index|tasks|length|dataset_(from|to)_index|(data|videos|meta|stats)/.*'
)
_FPS_CURE = '; ros2 run recorder edit restamp ROOT NEW --fps N makes a copy with another'
# Beyond these a number is a slip of somebody's pen.
MOST_FPS = 10_000
_MOST_IN_A_CHUNK = 10**9
_V21_KEYS = re.compile(r'episode_index|tasks|length')


@dataclasses.dataclass(frozen=True)
class Span:
    """An episode's frames in a video file; `path` relative to the root."""

    path: str
    begin_s: float
    end_s: float


@dataclasses.dataclass(frozen=True)
class Episode:
    """Where an episode lies; paths relative to the root, `meta` only in format v3.0.

    `extra` is what others added to its record.
    """

    index: int
    tasks: tuple[str, ...]
    length: int
    first_row: int
    data: str
    videos: Mapping[str, Span]
    meta: str = ''
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def read_info(root: Path) -> dict[str, Any]:
    """Return info.json, with everything in it that a reader relies on.

    Raises:
        DatasetError: naming the file and every value that is not as it must be.
    """
    path = root / layout.INFO
    if not path.is_file() and not path.is_symlink():
        raise DatasetError(f'{root} is not a dataset: {layout.INFO} is missing')
    info = files.read_json(path)
    return checked_info(path, info)


def checked_info(path: Path, info: dict[str, Any]) -> dict[str, Any]:
    """Return info.json; a feature without `names`, which loaders do not ask for, gets none.

    Raises:
        DatasetError: naming every value that is not as it must be.
    """
    if found := info_problems(info):
        raise DatasetError(f'{path}:\n  - ' + '\n  - '.join(found))
    features = {name: {'names': None, **feature} for name, feature in info['features'].items()}
    return {**info, 'features': features}


def info_problems(info: Mapping[str, Any]) -> list[str]:
    """Say what in info.json keeps a dataset from being read."""
    version = info.get('codebase_version')
    if version not in layout.VERSIONS:
        return [f'codebase_version is {version!r}; known are {" and ".join(layout.VERSIONS)}']
    found = [
        f'{key} is {info.get(key)!r}, not a whole number'
        for key in ('total_episodes', 'total_frames', 'total_tasks')
        if not _is_count(info.get(key))
    ]
    for key, most in (('fps', MOST_FPS), ('chunks_size', _MOST_IN_A_CHUNK)):
        if not _is_count(info.get(key)) or not 1 <= info[key] <= most:
            cure = _FPS_CURE if key == 'fps' else ''
            found.append(f'{key} is {info.get(key)!r}, not a whole number from 1 to {most}{cure}')
    features = info.get('features')
    if not isinstance(features, dict):
        return [*found, 'features are missing']
    for name, feature in features.items():
        shape = feature.get('shape') if isinstance(feature, dict) else None
        if '/' in name or '\0' in name or name in ('', '.', '..'):
            found.append(f'feature "{name}": a name holds no slash and is not . or ..')
        elif not isinstance(feature, dict) or not isinstance(feature.get('dtype'), str):
            found.append(f'feature "{name}" has no dtype')
        elif not isinstance(shape, list) or not all(_is_count(size) for size in shape):
            found.append(f'feature "{name}" has shape {shape!r}')
        elif not isinstance(feature.get('info') or {}, dict):
            found.append(f'feature "{name}" has info {feature["info"]!r}')
    return found


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def read_tasks(root: Path, version: str) -> list[str]:
    """Return the tasks by task_index.

    Raises:
        DatasetError: when they cannot be read.
    """
    if version == layout.V30:
        return tables.read_tasks(root / layout.TASKS)
    path = root / layout.V21_TASKS
    lines = files.read_lines(path)
    if [line.get('task_index') for line in lines] != list(range(len(lines))):
        raise DatasetError(f'{path}: task_index does not count from 0')
    if not all(isinstance(line.get('task'), str) for line in lines):
        raise DatasetError(f'{path}: a line has no text called task')
    return [line['task'] for line in lines]


def read_episodes(root: Path, info: Mapping[str, Any]) -> list[Episode]:
    """Return all recorded episodes, those beyond `total_episodes` included, in file order.

    Raises:
        DatasetError: when a record cannot be read.
    """
    keys = [name for name, feature in info['features'].items() if feature['dtype'] == 'video']
    if info['codebase_version'] == layout.V21:
        return list(v21_episodes(files.read_lines(root / layout.V21_EPISODES), info, keys))
    return [
        episode
        for path in sorted((root / 'meta/episodes').glob('*/*.parquet'))
        for episode in v30_episodes(path, path.relative_to(root).as_posix(), keys)
    ]


def v30_episodes(
    path: Path, meta: str, keys: Iterable[str], lenient: bool = False
) -> Iterator[Episode]:
    """Yield the episodes that one file of meta/episodes records.

    Args:
        path: the file.
        meta: its name within the dataset.
        keys: the features that are stored as video.
        lenient: take `3.0` for `3`, which lerobot does not.

    Raises:
        DatasetError: when it cannot be read, or a value is not what it must be.
    """
    names = [n for n in files.read_schema(path).names if not n.startswith(tables.STATS_PREFIX)]
    for number, row in enumerate(files.read_table(path, columns=names).to_pylist()):
        yield _v30_episode(_Record(path, number, row, lenient), keys, meta)


class _Record:
    """One episode's record; of a value that is not what it must be, it says where it stands."""

    def __init__(
        self, path: Path, number: int, row: Mapping[str, Any], lenient: bool = False
    ) -> None:
        self._where = f'{path} record {number}'
        self._row = row
        self._lenient = lenient

    def count(self, name: str) -> int:
        """Return a whole number."""
        value = self._row.get(name)
        if self._lenient and isinstance(value, float) and value.is_integer():
            value = int(value)
        if not _is_count(value):
            raise DatasetError(f'{self._where}: {name} is {value!r}, not a whole number')
        return int(value)  # type: ignore[arg-type]

    def seconds(self, name: str) -> float:
        """Return a time."""
        value = self._row.get(name)
        if not isinstance(value, (int, float)) or not 0 <= value < float('inf'):
            raise DatasetError(f'{self._where}: {name} is {value!r}, not a time in seconds')
        return float(value)

    def extra(self, known: re.Pattern[str]) -> dict[str, Any]:
        """Return what is neither known nor empty."""
        return {
            name: value
            for name, value in self._row.items()
            if value is not None and not known.fullmatch(name)
        }

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, empty where there is no such column."""
        value = self._row.get(name, [])
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise DatasetError(f'{self._where}: {name} is {value!r}, not a list of texts')
        return tuple(value)


def _v30_episode(record: _Record, keys: Iterable[str], meta: str) -> Episode:
    def place(prefix: str) -> layout.Place:
        return record.count(f'{prefix}/chunk_index'), record.count(f'{prefix}/file_index')

    return Episode(
        index=record.count('episode_index'),
        tasks=record.texts('tasks'),
        length=record.count('length'),
        first_row=record.count('dataset_from_index'),
        data=layout.at(layout.DATA_PATH, place('data')),
        videos={
            key: Span(
                layout.at(layout.VIDEO_PATH, place(f'videos/{key}'), video_key=key),
                record.seconds(f'videos/{key}/from_timestamp'),
                record.seconds(f'videos/{key}/to_timestamp'),
            )
            for key in keys
        },
        meta=meta,
        extra=record.extra(_V30_KEYS),
    )


def v21_episodes(
    lines: Iterable[Mapping[str, Any]], info: Mapping[str, Any], keys: Iterable[str]
) -> Iterator[Episode]:
    """Yield the episodes that the lines of episodes.jsonl record.

    Raises:
        DatasetError: when a value is not what it must be.
    """
    first = 0
    size = info['chunks_size']
    for number, line in enumerate(lines):
        record = _Record(Path(layout.V21_EPISODES), number, line)
        index, length = record.count('episode_index'), record.count('length')
        spans = {
            key: Span(layout.v21_video(index, key, size), 0.0, length / info['fps']) for key in keys
        }
        data = layout.v21_data(index, size)
        tasks, extra = record.texts('tasks'), record.extra(_V21_KEYS)
        yield Episode(index, tasks, length, first, data, spans, extra=extra)
        first += length
