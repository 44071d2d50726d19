"""Joins the many video files of a v3.0 dataset into few, without encoding again.

New files under unused numbers first, then meta/episodes file by file, then the old videos go: at
every moment each row of meta/episodes names a file that is there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from recorder_node.dataset import files, layout, splice
from recorder_node.dataset.publish import Commit
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.records import Episode, Span
from recorder_node.errors import DatasetError

_MIB = 2**20


class _File(NamedTuple):
    """A video file with the episodes in it, in order."""

    path: str
    episodes: tuple[Episode, ...]
    size: int
    seconds: float
    signature: tuple[object, ...]


def consolidate(root: Path, stop: Callable[[], bool] = lambda: False) -> tuple[int, int]:
    """Join videos as far as size and LeRobot's time stamps allow.

    Args:
        root: a dataset that nobody else writes.
        stop: when it turns true the work is given up; the dataset is then as it was.

    Returns:
        how many video files there were and are.

    Raises:
        DatasetError: when the dataset cannot be read, or the disk has no room for the copies.
        EncodeError: when a video cannot be copied, or `stop` said so.
        OSError: when the disk refuses.
    """
    dataset = Dataset(root)
    if dataset.version != layout.V30 or not dataset.episodes:
        return 0, 0
    plans = {key: _groups(dataset, key) for key in dataset.video_keys}
    before = sum(len(group) for groups in plans.values() for group in groups)
    plans = {key: _without_settled(groups) for key, groups in plans.items()}
    joined = sum(len(group) - 1 for groups in plans.values() for group in groups)
    if not joined:
        return before, before
    _check_room(root, [file for groups in plans.values() for group in groups for file in group])
    # Of what the recorder wrote, the joined file holds every packet; others' files are kept.
    own = all(
        (root / layout.STAMPS_PATH.format(episode_index=episode.index)).is_file()
        for episode in dataset.episodes
    )
    with Commit(root, 'their videos are in joined files now') as commit:
        spans: dict[tuple[int, str], tuple[layout.Place, Span]] = {}
        for key, groups in plans.items():
            place = layout.next_free(root / 'videos' / key)
            for group in groups:
                _join(commit, dataset, key, group, place, spans, stop)
                place = layout.following(place)
        _rewrite_episodes(commit, dataset, spans, own)
        for file in (file for groups in plans.values() for group in groups for file in group):
            if own:
                commit.delete(root / file.path)
            else:
                commit.take_out(file.path)
        commit.commit()
    return before, before - joined


def _groups(dataset: Dataset, key: str) -> list[list[_File]]:
    """Return the camera's files, those to be joined together."""
    limit = min(float(dataset.info['video_files_size_in_mb']), layout.VIDEO_FILES_SIZE_IN_MB)
    groups: list[list[_File]] = []
    for file in _files(dataset, key):
        last = groups[-1] if groups else []
        fits = (
            bool(last)
            and last[0].signature == file.signature
            and sum(f.size for f in last) + file.size < limit * _MIB
            and sum(f.seconds for f in last) + file.seconds <= layout.MAX_EPISODE_S
        )
        if fits:
            last.append(file)
        else:
            groups.append([file])
    return groups


def _files(dataset: Dataset, key: str) -> list[_File]:
    paths: dict[str, list[Episode]] = {}
    previous = ''
    for episode in dataset.episodes:
        path = episode.videos[key].path
        if path != previous and path in paths:
            raise DatasetError(f'{path} holds episodes that do not follow one another')
        paths.setdefault(path, []).append(episode)
        previous = path
    return [
        _File(
            path,
            tuple(episodes),
            (dataset.root / path).stat().st_size,
            episodes[-1].videos[key].end_s,
            splice.signature(dataset.root / path),
        )
        for path, episodes in paths.items()
    ]


def _without_settled(groups: list[list[_File]]) -> list[list[_File]]:
    """Leave out the files before the first that is joined.

    All behind it get new numbers, joined or not: lerobot resumes at the file behind that of the
    last episode, so the numbers must rise with the episodes.
    """
    first = next((n for n, group in enumerate(groups) if len(group) > 1), len(groups))
    return groups[first:]


def _check_room(root: Path, videos: Sequence[_File]) -> None:
    need, free = sum(video.size for video in videos), shutil.disk_usage(root).free
    if need + layout.VIDEO_FILES_SIZE_IN_MB * _MIB > free:
        raise DatasetError(
            f'{root}: joining the videos needs {need // _MIB} MiB, {free // _MIB} are free'
        )


def _join(
    commit: Commit,
    dataset: Dataset,
    key: str,
    group: Sequence[_File],
    place: layout.Place,
    spans: dict[tuple[int, str], tuple[layout.Place, Span]],
    stop: Callable[[], bool],
) -> None:
    target = layout.at(layout.VIDEO_PATH, place, video_key=key)
    sources = [dataset.root / file.path for file in group]
    counts = splice.join(sources, commit.new(target), dataset.fps, stop)
    end_s = 0.0
    for file, frames in zip(group, counts, strict=True):
        rows = sum(episode.length for episode in file.episodes)
        if frames != rows:
            raise DatasetError(f'{file.path}: {frames} frames for {rows} rows')
        for episode in file.episodes:
            begin_s, end_s = end_s, end_s + episode.length / dataset.fps
            spans[episode.index, key] = (place, Span(target, begin_s, end_s))


def _rewrite_episodes(
    commit: Commit,
    dataset: Dataset,
    spans: dict[tuple[int, str], tuple[layout.Place, Span]],
    own: bool,
) -> None:
    """Prepare every file of meta/episodes that names a video with another place now."""
    moved = {index for index, _ in spans}
    paths = {episode.meta for episode in dataset.episodes if episode.index in moved}
    for path in sorted(paths):
        if not own:
            commit.keep(path)
        groups = files.read_groups(dataset.root / path)
        for key in dataset.video_keys:
            groups = [_with_spans(group, key, spans) for group in groups]
        commit.parquet(path, groups)


def _with_spans(
    table: pa.Table, key: str, spans: dict[tuple[int, str], tuple[layout.Place, Span]]
) -> pa.Table:
    columns = {
        name: table.column(f'videos/{key}/{name}').to_pylist()
        for name in ('chunk_index', 'file_index', 'from_timestamp', 'to_timestamp')
    }
    for row, index in enumerate(table.column('episode_index').to_pylist()):
        if (index, key) in spans:
            place, span = spans[index, key]
            new = (*place, span.begin_s, span.end_s)
            for values, value in zip(columns.values(), new, strict=True):
                values[row] = value
    for name, values in columns.items():
        at = table.column_names.index(f'videos/{key}/{name}')
        field = table.schema.field(at)
        table = table.set_column(at, field, pa.array(values, field.type))
    return table
