"""Makes a dataset consistent in which a crash left half an episode, when no log tells the rest.

An episode whose record is there and whose files verify is rolled forward: only the counters of
info.json were missing. Anything else that belongs to no recorded episode is debris and removed.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recorder_node import stats as statistics
from recorder_node.dataset import layout, sidecars
from recorder_node.dataset.publish import Commit
from recorder_node.dataset.reader import Dataset, Episode
from recorder_node.errors import DatasetError


def repair(root: Path) -> list[str]:
    """Roll complete episodes forward, remove what no episode names; say what was done.

    Raises:
        DatasetError: when info.json counts more episodes than there are, or cannot be read.
        OSError: when the disk refuses.
    """
    dataset = Dataset(root)
    counted = int(dataset.info['total_episodes'])
    if len(dataset.recorded) < counted:
        raise DatasetError(
            f'{root}: info.json counts {counted} episodes, there are records of '
            f'{len(dataset.recorded)}'
        )
    kept = list(dataset.episodes)
    for episode in dataset.recorded[counted:]:
        if not _verifies(dataset, episode, kept):
            break
        kept.append(episode)
    done = [f'episode {episode.index} is complete and counts now' for episode in kept[counted:]]
    fix = _repair_v30 if dataset.version == layout.V30 else _repair_v21
    with Commit(root) as commit:
        debris = fix(dataset, kept, commit)
        debris += _stray_sidecars(root, len(kept), commit)
        if done or debris:
            commit.json(layout.INFO, _counted(dataset, kept))
            commit.commit()
    return done + [f'removed what a crash left behind: {text}' for text in debris]


def frames_in(path: Path) -> int:
    """Count a video's frames without decoding; 0 when it cannot be read."""
    try:
        with av.open(str(path)) as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))
    except (av.FFmpegError, OSError, IndexError):
        return 0


def _verifies(dataset: Dataset, episode: Episode, before: Sequence[Episode]) -> bool:
    """Tell whether every file of an uncounted episode holds what its record says."""
    first = before[-1].first_row + before[-1].length if before else 0
    if episode.index != len(before) or episode.first_row != first or episode.length < 1:
        return False
    if not set(episode.tasks) <= set(dataset.tasks):
        return False
    try:
        dataset.rows(episode)
        dataset.stats(episode)
    except (DatasetError, KeyError):
        return False
    return all(
        frames_in(dataset.root / span.path) >= round(span.end_s * dataset.fps)
        for span in episode.videos.values()
    )


def _counted(dataset: Dataset, kept: Sequence[Episode]) -> dict[str, Any]:
    frames = sum(episode.length for episode in kept)
    info = {
        **dataset.info,
        'total_episodes': len(kept),
        'total_frames': frames,
        'total_tasks': len(dataset.tasks),
        'splits': {'train': f'0:{len(kept)}'},
    }
    if dataset.version == layout.V21:
        info['total_videos'] = len(kept) * len(dataset.video_keys)
        info['total_chunks'] = -(-len(kept) // info['chunks_size'])
    return info


def _repair_v30(dataset: Dataset, kept: Sequence[Episode], commit: Commit) -> list[str]:
    root = dataset.root
    frames = sum(episode.length for episode in kept)
    debris = _strays(root, 'meta/episodes', {episode.meta for episode in kept}, commit)
    debris += _strays(root, 'data', {episode.data for episode in kept}, commit)
    if len(dataset.recorded) > len(kept):
        debris += _cut(root, {episode.meta for episode in kept}, len(kept), commit)
    data = {episode.data for episode in kept}
    if sum(pq.read_metadata(root / path).num_rows for path in data) > frames:
        debris += _cut(root, data, len(kept), commit)
    for key in dataset.video_keys:
        named = {episode.videos[key].path for episode in kept}
        debris += _strays(root, f'videos/{key}', named, commit)
    if dataset.info['total_tasks'] != len(dataset.tasks):
        debris.append('a wrong number of tasks')
    if debris:
        stats = [dataset.stats(episode) for episode in kept]
        if kept and all(stats):
            commit.json(layout.STATS, statistics.to_lists(statistics.aggregate(stats)))
    return debris


def _strays(root: Path, folder: str, named: set[str], commit: Commit) -> list[str]:
    """Remove the numbered files of a folder that no episode names."""
    strays = [
        path
        for path in sorted((root / folder).glob('chunk-*/file-*.*'))
        if str(path.relative_to(root)) not in named
    ]
    for path in strays:
        commit.remove(path)
    return [str(path.relative_to(root)) for path in strays]


def _cut(root: Path, paths: set[str], total: int, commit: Commit) -> list[str]:
    """Prepare parquet files without the rows of episodes from `total` on."""
    found = []
    for name in sorted(paths):
        file = pq.ParquetFile(root / name)
        groups = [file.read_row_group(number) for number in range(file.num_row_groups)]
        left = [g.filter(pc.less(g.column('episode_index'), total)) for g in groups]
        if any(a.num_rows != b.num_rows for a, b in zip(groups, left, strict=True)):
            commit.parquet(name, [group for group in left if group.num_rows])
            found.append(f'rows in {name}')
    return found


def _repair_v21(dataset: Dataset, kept: Sequence[Episode], commit: Commit) -> list[str]:
    root, total = dataset.root, len(kept)
    debris = []
    for name in (layout.V21_EPISODES, layout.V21_EPISODES_STATS):
        lines = (root / name).read_bytes().splitlines(keepends=True)
        left = [line for line in lines if json.loads(line)['episode_index'] < total]
        if len(left) != len(lines):
            commit.data(name, b''.join(left))
            debris.append(f'{len(lines) - len(left)} lines of {name}')
    if dataset.info['total_tasks'] != len(dataset.tasks):
        debris.append('a wrong number of tasks')
    for path in sorted(root.glob('data/chunk-*/episode_*.parquet')):
        debris += _beyond(root, path, total, commit)
    for key in dataset.video_keys:
        for path in sorted(root.glob(f'videos/chunk-*/{glob.escape(key)}/episode_*.mp4')):
            debris += _beyond(root, path, total, commit)
    return debris


def _beyond(root: Path, path: Path, total: int, commit: Commit) -> list[str]:
    number = path.stem.removeprefix('episode_')
    if not number.isdigit() or int(number) < total:
        return []
    commit.remove(path)
    return [str(path.relative_to(root))]


def _stray_sidecars(root: Path, total: int, commit: Commit) -> list[str]:
    debris = []
    for path in sorted((root / layout.STAMPS_PATH).parent.glob('episode_*.feather')):
        debris += _beyond(root, path, total, commit)
    if any(index >= total for index in sidecars.reports(root)):
        sidecars.keep_below(root, commit, total)
        debris.append(f'reports in {layout.REPORTS}')
    return debris
