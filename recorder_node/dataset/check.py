"""Checks a LeRobot dataset of either format without lerobot and lists everything that is wrong."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from recorder_node.dataset import check_pictures, check_rows, check_stats, files, layout, schema
from recorder_node.dataset.publish import is_pending
from recorder_node.dataset.records import Episode, info_problems, read_episodes, read_tasks
from recorder_node.errors import DatasetError

T = TypeVar('T')
# What a library raises over a file that holds something else than it seems.
UNFORESEEN = (
    ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, MemoryError,
    pa.ArrowException,
)  # fmt: skip
_CURES = ('edit restamp', 'git lfs pull', 'byte order mark', '-delete')
# In a refusal; `validate` lists all.
_MOST_NAMED = 20
_SIZES = {
    layout.V30: ('data_files_size_in_mb', 'video_files_size_in_mb'),
    layout.V21: ('total_videos', 'total_chunks'),
}
_PATHS = {
    layout.V30: (layout.DATA_PATH, layout.VIDEO_PATH),
    layout.V21: (layout.V21_DATA_PATH, layout.V21_VIDEO_PATH),
}


class Checker:
    """One run over one dataset; `problems` fills up, nothing is raised and nothing is changed.

    `warnings` are what LeRobot ignores and a user might want to know.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.version = ''
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.episodes = 0
        self.frames = 0

    def run(self, quick: bool = False) -> list[str]:
        """Check everything that can be reached; return the problems.

        Args:
            quick: leave out what takes long: statistics, and looking into pictures. Rows, records
                and the number of frames in every video are compared all the same.
        """
        if is_pending(self.root):
            self._wrong(
                'a change was cut; it is completed by: '
                f'ros2 run recorder recover {self.root}, or by recording with resume:=true'
            )
        info = self._step(lambda: files.read_json(self.root / layout.INFO))
        if info is None or not self._check_info(info):
            return self.problems
        features = info['features']
        tasks = self._step(lambda: read_tasks(self.root, self.version))
        recorded = self._step(lambda: read_episodes(self.root, info))
        data = self._read_data(features, quick)
        self._count(info, tasks, recorded, data)
        if recorded is None or data is None:
            return self.problems
        self._part('rows', lambda: self._check_rows(info, recorded, data, tasks or []))
        if not quick:
            self._part('values', lambda: self._check_values(info, recorded, data))
        self._part('pictures', lambda: self._check_pictures(info, recorded, list(data), quick))
        return self.problems

    def _part(self, what: str, check: Callable[[], None]) -> None:
        """Do a part of the checks; what nobody foresaw in a file is a problem like others."""
        try:
            check()
        except UNFORESEEN as error:
            self._wrong(f'{what} cannot be checked: {type(error).__name__}: {error}')

    def _check_rows(
        self,
        info: dict[str, Any],
        recorded: list[Episode],
        data: dict[str, pa.Table],
        tasks: list[str],
    ) -> None:
        wrong, notices = check_rows.check(info, recorded, data, tasks)
        self.problems += wrong
        self.warnings += notices

    def _check_values(
        self, info: dict[str, Any], recorded: list[Episode], data: dict[str, pa.Table]
    ) -> None:
        whole = pa.concat_tables(data.values(), promote_options='permissive')
        self.problems += check_rows.check_values(info['features'], whole)
        wrong, notices = check_stats.check(self.root, info, recorded, whole)
        self.problems += wrong
        self.warnings += notices

    def _wrong(self, text: str) -> None:
        self.problems.append(text)

    def _step(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except DatasetError as error:
            self._wrong(str(error).removeprefix(f'{self.root}/'))
            return None

    def _check_info(self, info: dict[str, Any]) -> bool:
        """Check what everything else relies on; return whether to go on."""
        self.version = str(info.get('codebase_version'))
        found = info_problems(info)
        self.problems += [f'info.json: {text}' for text in found]
        if found:
            return False
        for key in _SIZES[self.version]:
            if not isinstance(info.get(key), (int, float)) or info[key] < 0:
                self._wrong(f'info.json: {key} is {info.get(key)!r}')
        videos = any(feature['dtype'] == 'video' for feature in info['features'].values())
        data_path, video_path = _PATHS[self.version]
        for key, want in (('data_path', data_path), ('video_path', video_path if videos else None)):
            if info.get(key) == want:
                continue
            text = f'info.json: {key} is {info.get(key)!r}, it should be {want!r}'
            # Without a video nobody asks for its path; lerobot's own tools leave it there.
            if key == 'video_path' and not videos:
                self.warnings.append(text)
            else:
                self._wrong(text)
        return self._check_features(info['features'])

    def _check_features(self, features: Mapping[str, Any]) -> bool:
        for name, feature in features.items():
            if 'image' in name and not schema.is_picture(feature):
                self._wrong(f'info.json: lerobot takes "{name}" for a picture')
        good = True
        for name, want in layout.INDEX_FEATURES.items():
            have = features.get(name, {})
            if (have.get('dtype'), have.get('shape')) != (want['dtype'], want['shape']):
                self._wrong(f'info.json: feature "{name}" is {have!r}, it should be {want!r}')
                good = False
        return good

    def _read_data(self, features: schema.Features, quick: bool) -> dict[str, pa.Table] | None:
        """Return the rows by file, in the order in which lerobot joins them, without pictures."""
        paths = sorted((self.root / 'data').glob('*/*.parquet'))
        if not paths:
            self._wrong('data: there is no parquet file')
            return None
        tables = {}
        for path in paths:
            name = path.relative_to(self.root).as_posix()
            table = self._step(functools.partial(self._read_file, path, name, features, quick))
            if table is not None:
                tables[name] = table
        return tables if len(tables) == len(paths) else None

    def _read_file(self, path: Path, name: str, features: schema.Features, quick: bool) -> pa.Table:
        want = schema.columns_of(features)
        have = files.read_schema(path).names
        if different := set(want) ^ set(have):
            self._wrong(
                f'{name}: columns differ from the features of info.json: '
                f'{", ".join(sorted(different))}'
            )
        columns = [
            n
            for n in want
            if n in have
            and (n in layout.INDEX_FEATURES if quick else features[n]['dtype'] != 'image')
        ]
        return files.read_table(path, columns=columns).replace_schema_metadata(None)

    def _count(
        self,
        info: dict[str, Any],
        tasks: list[str] | None,
        recorded: list[Episode] | None,
        data: dict[str, pa.Table] | None,
    ) -> None:
        rows = None if data is None else sum(table.num_rows for table in data.values())
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
                if info.get(key) != count:
                    self._wrong(f'info.json: {key} is {info.get(key)}, it should be {count}')

    def _check_pictures(
        self, info: dict[str, Any], recorded: list[Episode], data: list[str], quick: bool
    ) -> None:
        for name, feature in info['features'].items():
            if feature['dtype'] == 'video':
                self.problems += check_pictures.videos(
                    self.root, name, feature, info['fps'], recorded, quick
                )
                self._check_strays(name, recorded)
            elif feature['dtype'] == 'image' and not quick:
                self.problems += check_pictures.images(self.root, name, feature, data)

    def _check_strays(self, key: str, recorded: list[Episode]) -> None:
        """Tell of video files that no episode names."""
        named = {episode.videos[key].path for episode in recorded if key in episode.videos}
        paths = [*self.root.glob('videos/*/*/*.mp4')]
        strays = {str(path.relative_to(self.root)) for path in paths if key in path.parts} - named
        self.warnings += [f'{path}: no episode shows it' for path in sorted(strays)]


def check_source(root: Path) -> None:
    """Refuse a dataset whose records, rows and videos do not fit together; see `Checker.run`.

    Raises:
        DatasetError: with the problems, and what helps.
    """
    if not os.path.lexists(root / layout.INFO):
        raise DatasetError(f'{root} is not a dataset: {layout.INFO} is missing')
    if problems := Checker(root).run(quick=True):
        if (more := len(problems) - _MOST_NAMED) > 0:
            problems[_MOST_NAMED:] = [f'and {more} more: ros2 run recorder validate {root}']
        text = f'{root} is damaged and is left as it is:\n  - ' + '\n  - '.join(problems)
        # Where each problem has a cure of its own, copying a part would not be one.
        if not all(any(cure in problem for cure in _CURES) for problem in problems):
            text += (
                '\nWhat is whole in it can be copied into a new dataset: '
                f'ros2 run recorder recover --foreign {root} {root}_rescued'
            )
        raise DatasetError(text)


def in_words(error: BaseException, root: object = 'ROOT') -> str:
    """Say of an error that nobody foresaw what it is, and what lists everything that is wrong."""
    return (
        f'a file of {root} holds something unforeseen ({type(error).__name__}: {error}); '
        f'see: ros2 run recorder validate {root}'
    )
