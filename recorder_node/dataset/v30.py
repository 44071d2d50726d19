"""Format v3.0: what one more episode, or one less, changes in the files.

Data and meta/episodes grow by rewriting their last file, which stays small, so that the cost of a
save is the same however long the dataset grows; each episode's video is a file of its own until
it is consolidated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from recorder_node.dataset import files, layout, schema, tables
from recorder_node.dataset.belongings import own_files
from recorder_node.dataset.episode import EpisodeData, describe_video, merged_tasks
from recorder_node.dataset.publish import Commit
from recorder_node.dataset.reader import Dataset
from recorder_node.encoding import stats as statistics
from recorder_node.errors import DatasetError

# A last file of data or meta/episodes is rewritten by every save until it is this large. Many
# short episodes cost more than their bytes: each has a row group with a column for everything.
TAIL_BYTES = 2 * 2**20
TAIL_EPISODES = 50


@dataclasses.dataclass
class _Tail:
    """The last file of one kind: its place, the row groups in it, how many episodes they hold."""

    place: layout.Place
    groups: list[pa.Table] = dataclasses.field(default_factory=list)
    episodes: int = 0

    def grow(self, groups: list[pa.Table] | None, size: int) -> None:
        """Take over what was written; begin a new file when this one is large, or not kept."""
        self.episodes += 1
        if groups is None or size >= TAIL_BYTES or self.episodes >= TAIL_EPISODES:
            self.place, self.groups, self.episodes = layout.following(self.place), [], 0
        else:
            self.groups = groups


class StoreV30:
    """The files of a v3.0 dataset; one instance per root, used by one thread.

    Args:
        root: the dataset's folder.
        info: the content of info.json, of the dataset that is there or of an empty one.
    """

    def __init__(self, root: Path, info: dict[str, Any]) -> None:
        self.root = root
        self.load(info)

    def load(self, info: dict[str, Any]) -> None:
        """Take over what is on disk; the next files go behind everything there is."""
        self.info = info
        self.tasks: list[str] = []
        self._stats: dict[str, statistics.Stats] = {}
        if info['total_episodes']:
            self._stats = statistics.from_lists(files.read_json(self.root / layout.STATS))
            self.tasks = tables.read_tasks(self.root / layout.TASKS)
        self._data = _Tail(layout.next_free(self.root / 'data'))
        self._episodes = _Tail(layout.next_free(self.root / 'meta/episodes'))
        self._video_places = {
            name: layout.next_free(self.root / 'videos' / name)
            for name, feature in info['features'].items()
            if feature['dtype'] == 'video'
        }

    @staticmethod
    def new_info(features: schema.Features) -> dict[str, Any]:
        """Return the keys of an empty dataset's info.json that this format has."""
        videos = any(f['dtype'] == 'video' for f in features.values())
        return {
            'chunks_size': layout.CHUNKS_SIZE,
            'data_files_size_in_mb': layout.DATA_FILES_SIZE_IN_MB,
            'video_files_size_in_mb': layout.VIDEO_FILES_SIZE_IN_MB,
            'data_path': layout.DATA_PATH,
            'video_path': layout.VIDEO_PATH if videos else None,
        }

    def append(self, commit: Commit, episode: EpisodeData) -> Callable[[], None]:
        """Prepare one more episode; the function returned adopts it once it is committed.

        Order: videos, tasks, data, stats, meta/episodes, info.json. Readers ignore what
        meta/episodes does not name, and the counters change last.
        """
        number, first = self.info['total_episodes'], self.info['total_frames']
        tasks = merged_tasks(self.tasks, episode.tasks)
        features = {name: dict(feature) for name, feature in self.info['features'].items()}
        columns = episode.all_columns(number, first, tasks, self.info['fps'])
        stats = episode.statistics(columns, features, layout.V30)
        for name, path in episode.videos.items():
            describe_video(features[name], path)
            commit.move(
                path, layout.at(layout.VIDEO_PATH, self._video_places[name], video_key=name)
            )
        commit.parquet(layout.TASKS, [tables.tasks_table(tasks)])
        rows = schema.tables(columns, features, layout.V30)
        # Pictures in the rows would fill the memory: written as they come, not kept.
        kept = None if schema.has_images(features) else [*self._data.groups, *rows]
        data_file = commit.parquet(layout.at(layout.DATA_PATH, self._data.place), kept or rows)
        total = statistics.aggregate([self._stats, stats]) if self._stats else stats
        commit.json(layout.STATS, statistics.to_lists(total))
        row = tables.episode_table(self._row(episode, number, first), stats, episode.extra)
        episodes = [tables.joined([*self._episodes.groups, row])]
        episodes_file = commit.parquet(
            layout.at(layout.EPISODES_PATH, self._episodes.place), episodes
        )
        info = {
            **self.info,
            'total_episodes': number + 1,
            'total_frames': first + episode.length,
            'total_tasks': len(tasks),
            'splits': {'train': f'0:{number + 1}'},
            'features': features,
        }
        commit.json(layout.INFO, info)
        data_size, episodes_size = data_file.stat().st_size, episodes_file.stat().st_size

        def adopt() -> None:
            self.info, self.tasks, self._stats = info, tasks, total
            self._data.grow(kept, data_size)
            self._episodes.grow(episodes, episodes_size)
            for name in episode.videos:
                self._video_places[name] = layout.following(self._video_places[name])

        return adopt

    def drop_last(self, commit: Commit) -> Callable[[], None]:
        """Prepare the removal of the last episode, in the reverse order of `append`.

        Raises:
            DatasetError: when its video shares a file with other episodes.
        """
        dataset = Dataset(self.root)
        last, rest = dataset.episodes[-1], dataset.episodes[:-1]
        if not rest:
            for name in own_files(dataset):
                commit.take_out(name)
            empty = {**self.info, 'total_episodes': 0, 'total_frames': 0, 'total_tasks': 0}
            return lambda: self.load({**empty, 'splits': {}})
        shared = {span.path for episode in rest for span in episode.videos.values()}
        if common := sorted(shared & {span.path for span in last.videos.values()}):
            raise DatasetError(f'{common[0]} holds other episodes too; use: ros2 run recorder edit')
        info = {
            **self.info,
            'total_episodes': last.index,
            'total_frames': last.first_row,
            'splits': {'train': f'0:{last.index}'},
        }
        commit.json(layout.INFO, info)
        for path in (last.meta, last.data):
            self._without(commit, path, last.index)
        total = statistics.aggregate([dataset.stats(episode) for episode in rest])
        commit.json(layout.STATS, statistics.to_lists(total))
        for span in last.videos.values():
            commit.take_out(span.path)
        return lambda: self.load(info)

    def _without(self, commit: Commit, path: str, episode: int) -> None:
        """Prepare a parquet file without the rows of an episode, or its removal."""
        groups = files.read_groups(self.root / path)
        kept = [g.filter(pc.not_equal(g.column('episode_index'), episode)) for g in groups]
        kept = [group for group in kept if group.num_rows]
        if kept:
            commit.parquet(path, kept)
        else:
            commit.take_out(path)

    def _row(self, episode: EpisodeData, number: int, first: int) -> dict[str, Any]:
        row: dict[str, Any] = {
            'episode_index': number,
            'tasks': list(episode.tasks),
            'length': episode.length,
            'data/chunk_index': self._data.place[0],
            'data/file_index': self._data.place[1],
            'dataset_from_index': first,
            'dataset_to_index': first + episode.length,
        }
        for name in episode.videos:
            row[f'videos/{name}/chunk_index'], row[f'videos/{name}/file_index'] = (
                self._video_places[name]
            )
            row[f'videos/{name}/from_timestamp'] = 0.0
            row[f'videos/{name}/to_timestamp'] = episode.length / self.info['fps']
        row['meta/episodes/chunk_index'], row['meta/episodes/file_index'] = self._episodes.place
        return row
