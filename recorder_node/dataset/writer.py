"""Appends episodes to a LeRobot dataset of either format, each durable before the next."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder_node.contract.contract import Contract
from recorder_node.dataset import layout, schema, sidecars
from recorder_node.dataset.check import check_source
from recorder_node.dataset.episode import EpisodeData
from recorder_node.dataset.publish import Commit, complete, is_pending
from recorder_node.dataset.records import read_info
from recorder_node.dataset.v21 import StoreV21
from recorder_node.dataset.v30 import StoreV30
from recorder_node.episode.take import SealedTake, feature_table
from recorder_node.errors import DatasetError


@dataclasses.dataclass(frozen=True)
class Description:
    """What all episodes of a dataset have in common.

    `features` without the index features; `version` is `v3.0` or `v2.1`, or `auto`: v3.0 for a
    new dataset, its own for one that is resumed; `extra` are keys of info.json that are not the
    format's.
    """

    robot_type: str | None
    fps: int
    features: Mapping[str, Mapping[str, Any]]
    version: str = 'auto'
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def describe(contract: Contract, fps: int, version: str = 'auto') -> Description:
    """Return the description of the dataset that a contract records."""
    return Description(contract.robot_type, fps, feature_table(contract), version)


class Store(Protocol):
    """A format; see `v30` and `v21`."""

    root: Path
    info: dict[str, Any]

    def load(self, info: dict[str, Any]) -> None:
        """Take over what is on disk."""

    def append(self, commit: Commit, episode: EpisodeData) -> Callable[[], None]:
        """Prepare one more episode; the function returned adopts it."""

    def drop_last(self, commit: Commit) -> Callable[[], None]:
        """Prepare the removal of the last episode; the function returned adopts it."""


STORES: dict[str, type[StoreV30] | type[StoreV21]] = {layout.V30: StoreV30, layout.V21: StoreV21}


class DatasetWriter:
    """A dataset being extended; one instance per root, used by one thread.

    Args:
        root: the dataset's folder; created with the first episode.
        description: what it is to hold.
        resume: extend the dataset that is there instead of refusing it. A change that a crash
            cut is completed first; `repaired` says so.

    Raises:
        ConfigError: when the root cannot be used.
        DatasetError: when a dataset to resume is damaged or does not match, every difference
            listed.
    """

    def __init__(self, root: Path, description: Description, resume: bool) -> None:
        self.root = root
        self.repaired: list[str] = []
        if complete(root):
            self.repaired.append('completed a change that was cut')
        layout.check_root(root, resume)
        self._adopt: Callable[[], None] | None = None
        self._store: Store = self._resumed(description) if resume else self._new(description)

    @property
    def version(self) -> str:
        """The format, `v3.0` or `v2.1`."""
        return str(self._store.info['codebase_version'])

    @property
    def total_episodes(self) -> int:
        """Episodes that are durable in the dataset."""
        return int(self._store.info['total_episodes'])

    @property
    def total_frames(self) -> int:
        """Rows that are durable in the dataset."""
        return int(self._store.info['total_frames'])

    def publish(self, take: SealedTake, report: Mapping[str, Any]) -> int:
        """Append a take as the next episode and return its index; durable on return.

        Raises:
            OSError: when the disk refuses; the saved episodes are as they were and the take
                stays, or is in the dataset when it is next opened.
        """
        features = self._store.info['features']
        episode = EpisodeData(
            length=take.rows,
            columns=take.columns,
            tasks=take.tasks,
            task_of_row=take.task_of_row,
            videos=take.videos,
            picture_stats={
                name: stats
                for name, stats in take.stats.items()
                if schema.is_picture(features[name])
            },
        )
        return self.append(episode, report, _stamps_table(take), take.folder)

    def append(
        self,
        episode: EpisodeData,
        report: Mapping[str, Any] | None = None,
        stamps: pa.Table | None = None,
        folder: Path | None = None,
    ) -> int:
        """Append an episode and return its index; durable on return.

        Args:
            episode: rows and videos; the videos are moved into the dataset.
            report: what is known about it, for `recorder/episodes.jsonl`.
            stamps: source stamps per row.
            folder: removed once the episode is in the dataset.

        Raises:
            DatasetError: when it has no rows.
            OSError: as `publish`.
        """
        if episode.length < 1:
            raise DatasetError('an episode without rows is none')
        self._settle()
        number = self.total_episodes
        with Commit(self.root) as commit:
            if stamps is not None:
                sidecars.stamps(commit, number, stamps)
            if report is not None:
                sidecars.report(commit, {'episode_index': number, **report})
            adopt = self._store.append(commit, episode)
            if folder is not None:
                commit.delete(folder)
            self._carry_out(commit, adopt)
        return number

    def drop_last(self) -> int:
        """Remove the last episode and return the index it had.

        Raises:
            DatasetError: when there is none, or its video shares a file with others.
            OSError: when the disk refuses.
        """
        self._settle()
        if not self.total_episodes:
            raise DatasetError(f'{self.root} has no episode')
        number = self.total_episodes - 1
        with Commit(self.root, f'episode {number}, taken back') as commit:
            adopt = self._store.drop_last(commit)
            if number:
                commit.take_out(layout.STAMPS_PATH.format(episode_index=number))
                sidecars.report(commit, {'episode_index': number, 'removed': True})
            self._carry_out(commit, adopt)
        return number

    def reload(self) -> None:
        """Take over what another program part changed on disk, such as consolidated videos."""
        self._store.load(read_info(self.root))

    def _carry_out(self, commit: Commit, adopt: Callable[[], None]) -> None:
        try:
            commit.commit()
        except OSError:
            if is_pending(self.root):
                self._adopt = adopt
            raise
        adopt()

    def _settle(self) -> None:
        """Complete a change at which the disk refused half-way."""
        complete(self.root)
        if self._adopt is not None:
            self._adopt()
            self._adopt = None

    def _new(self, description: Description) -> Store:
        layout.check_names(description.features)
        version = layout.V30 if description.version == 'auto' else description.version
        features = {
            **{name: dict(feature) for name, feature in description.features.items()},
            **layout.INDEX_FEATURES,
        }
        store = STORES[version]
        info = {
            'codebase_version': version,
            'robot_type': description.robot_type,
            'total_episodes': 0,
            'total_frames': 0,
            'total_tasks': 0,
            'fps': description.fps,
            'splits': {},
            **store.new_info(features),
            'features': features,
            **description.extra,
        }
        return store(self.root, info)

    def _resumed(self, description: Description) -> Store:
        if found := resume_problems(self.root, description):
            raise DatasetError('\n'.join(found))
        info = read_info(self.root)
        return STORES[info['codebase_version']](self.root, info)


def resume_problems(root: Path, description: Description) -> list[str]:
    """Say why episodes of this description cannot be added to the dataset at `root`."""
    try:
        found = differences(read_info(root), description)
        if not found:
            check_source(root)
    except DatasetError as error:
        return [str(error)]
    return [f'{root} cannot be resumed: {text}' for text in found]


def differences(info: Mapping[str, Any], description: Description) -> list[str]:
    """Say everything in which a dataset on disk differs from what is to be recorded."""
    found = []
    version = info.get('codebase_version')
    if version not in STORES:
        found.append(f'codebase_version is {version!r} there; known: {", ".join(STORES)}')
    wanted = version if description.version == 'auto' else description.version
    for key, want in (
        ('codebase_version', wanted),
        ('fps', description.fps),
        ('robot_type', description.robot_type),
    ):
        if info.get(key) != want:
            found.append(f'{key} is {info.get(key)!r} there and {want!r} here')
    there = info.get('features', {})
    here: dict[str, Mapping[str, Any]] = {**description.features, **layout.INDEX_FEATURES}
    found += [f'feature "{name}" is missing there' for name in here if name not in there]
    found += [f'feature "{name}" is missing here' for name in there if name not in here]
    for name in here:
        for key in ('dtype', 'shape', 'names'):
            a, b = _plain(there.get(name, {}).get(key)), _plain(here[name][key])
            if name in there and a != b:
                found.append(f'feature "{name}": {key} is {a} there and {b} here')
    if not found and schema.columns_of(there) != schema.columns_of(here):
        found.append(f'features are in another order there: {", ".join(there)}')
    return found


def _plain(value: Any) -> Any:
    """Return names as a list, also where LeRobot wraps them in a mapping: {'motors': [...]}."""
    if isinstance(value, Mapping):
        value = next((v for v in value.values() if isinstance(v, (list, tuple))), value)
    return list(value) if isinstance(value, (list, tuple)) else value


def _stamps_table(take: SealedTake) -> pa.Table:
    """Return per row and stream when the value was measured and when it arrived (ROS time)."""
    columns: dict[str, NDArray[np.int64]] = {
        't_ns': take.t0_ns + np.arange(take.rows) * 1_000_000_000 // take.fps
    }
    for number, key in enumerate(take.streams):
        columns[f'{key}/stamp_ns'] = take.stamps_ns[:, number]
        columns[f'{key}/recv_ns'] = take.recv_ns[:, number]
    return pa.table({name: np.ascontiguousarray(values) for name, values in columns.items()})
