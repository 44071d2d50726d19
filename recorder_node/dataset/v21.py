"""Format v2.1: what one more episode, or one less, changes in the files.

Every episode has data and video files of its own. The JSON Lines files are rewritten and renamed,
never appended in place. lerobot 0.3 compares the number of data files with info.json, so the
renames of data, episodes and info.json are a window in which it does not load: they come last.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorder_node.dataset import layout, schema
from recorder_node.dataset.belongings import own_files
from recorder_node.dataset.episode import EpisodeData, describe_video, merged_tasks
from recorder_node.dataset.publish import Commit
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.records import read_tasks
from recorder_node.encoding import stats as statistics


class StoreV21:
    """The files of a v2.1 dataset; one instance per root, used by one thread.

    Args:
        root: the dataset's folder.
        info: the content of info.json, of the dataset that is there or of an empty one.
    """

    def __init__(self, root: Path, info: dict[str, Any]) -> None:
        self.root = root
        self.load(info)

    def load(self, info: dict[str, Any]) -> None:
        """Take over what is on disk; every file's place follows from the episode's number."""
        self.info = info
        self.tasks = read_tasks(self.root, layout.V21) if info['total_episodes'] else []

    @staticmethod
    def new_info(features: schema.Features) -> dict[str, Any]:
        """Return the keys of an empty dataset's info.json that this format has."""
        videos = any(f['dtype'] == 'video' for f in features.values())
        return {
            'total_videos': 0,
            'total_chunks': 0,
            'chunks_size': layout.CHUNKS_SIZE,
            'data_path': layout.V21_DATA_PATH,
            'video_path': layout.V21_VIDEO_PATH if videos else None,
        }

    def append(self, commit: Commit, episode: EpisodeData) -> Callable[[], None]:
        """Prepare one more episode; the function returned adopts it once it is committed.

        Order: videos, tasks, episodes_stats, data, episodes, info.json.
        """
        number, first = self.info['total_episodes'], self.info['total_frames']
        size = self.info['chunks_size']
        tasks = merged_tasks(self.tasks, episode.tasks)
        features = {name: dict(feature) for name, feature in self.info['features'].items()}
        columns = episode.all_columns(number, first, tasks, self.info['fps'])
        stats = episode.statistics(columns, features, layout.V21)
        for name, path in episode.videos.items():
            describe_video(features[name], path)
            commit.move(path, layout.v21_video(number, name, size))
        lines = [{'task_index': index, 'task': task} for index, task in enumerate(tasks)]
        commit.data(layout.V21_TASKS, b''.join(map(_line, lines)))
        self._append(
            commit,
            layout.V21_EPISODES_STATS,
            {'episode_index': number, 'stats': statistics.to_lists(stats)},
        )
        commit.parquet(layout.v21_data(number, size), schema.tables(columns, features, layout.V21))
        self._append(
            commit,
            layout.V21_EPISODES,
            {
                'episode_index': number,
                'tasks': list(episode.tasks),
                'length': episode.length,
                **episode.extra,
            },
        )
        info = self._counted(number + 1, first + episode.length, len(tasks), features)
        commit.json(layout.INFO, info)

        def adopt() -> None:
            self.info, self.tasks = info, tasks

        return adopt

    def drop_last(self, commit: Commit) -> Callable[[], None]:
        """Prepare the removal of the last episode, in the reverse order of `append`."""
        number = self.info['total_episodes'] - 1
        size = self.info['chunks_size']
        features = self.info['features']
        if not number:
            for name in own_files(Dataset(self.root)):
                commit.take_out(name)
            empty = {**self._counted(0, 0, 0, features), 'splits': {}}
            return lambda: self.load(empty)
        lines = self._lines(layout.V21_EPISODES)
        length = json.loads(lines[number])['length']
        info = self._counted(number, self.info['total_frames'] - length, len(self.tasks), features)
        commit.json(layout.INFO, info)
        commit.data(layout.V21_EPISODES, b''.join(lines[:number]))
        commit.data(
            layout.V21_EPISODES_STATS, b''.join(self._lines(layout.V21_EPISODES_STATS)[:number])
        )
        commit.take_out(layout.v21_data(number, size))
        for name, feature in features.items():
            if feature['dtype'] == 'video':
                commit.take_out(layout.v21_video(number, name, size))
        return lambda: self.load(info)

    def _counted(
        self, episodes: int, frames: int, tasks: int, features: schema.Features
    ) -> dict[str, Any]:
        videos = sum(f['dtype'] == 'video' for f in features.values())
        return {
            **self.info,
            'total_episodes': episodes,
            'total_frames': frames,
            'total_tasks': tasks,
            'total_videos': episodes * videos,
            'total_chunks': -(-episodes // self.info['chunks_size']),
            'splits': {'train': f'0:{episodes}'},
            'features': features,
        }

    def _append(self, commit: Commit, path: str, entry: dict[str, Any]) -> None:
        before = (self.root / path).read_bytes() if self.info['total_episodes'] else b''
        commit.data(path, before + b'\n' * (before[-1:] not in (b'', b'\n')) + _line(entry))

    def _lines(self, path: str) -> list[bytes]:
        """Return the lines of a file, each with its end."""
        return [line + b'\n' for line in (self.root / path).read_bytes().splitlines()]


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, default=str).encode() + b'\n'
