"""Every kind of damage, in both formats, is found and named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recorder_node.dataset import layout
from recorder_node.dataset.writer import DatasetWriter, describe
from tests.conftest import small_contract
from tests.kinds import kinds_contract, live_take
from tests.small_datasets import problems, record

Damage = Callable[[Path], object]


@pytest.fixture(scope='module')
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A sound dataset of each format, and one with pictures in its rows."""
    folder = tmp_path_factory.mktemp('sound')
    roots = {}
    for version in layout.VERSIONS:
        (folder / version).mkdir()
        roots[version] = record(folder / version, small_contract(), (6, 9), version=version)
    contract = kinds_contract(video=False)
    writer = DatasetWriter(folder / 'images' / 'ds', describe(contract, 30), resume=False)
    take = live_take(folder / 'images' / 'ds.recording' / 'take', contract, 8)
    writer.publish(take.seal(outcome=True), {})
    roots['images'] = writer.root
    for root in roots.values():
        assert problems(root) == []
    return roots


def change_info(**values: object) -> Damage:
    def damage(root: Path) -> None:
        info = json.loads((root / layout.INFO).read_text())
        (root / layout.INFO).write_text(json.dumps({**info, **values}))

    return damage


def change_feature(name: str, **values: object) -> Damage:
    def damage(root: Path) -> None:
        info = json.loads((root / layout.INFO).read_text())
        info['features'][name].update(values)
        (root / layout.INFO).write_text(json.dumps(info))

    return damage


def first_data(root: Path) -> Path:
    return sorted((root / 'data').rglob('*.parquet'))[0]


def change_data(change: Callable[[pa.Table], pa.Table]) -> Damage:
    def damage(root: Path) -> None:
        path = first_data(root)
        pq.write_table(change(pq.read_table(path)), path)

    return damage


def with_column(name: str, values: Callable[[pa.Table], object]) -> Damage:
    def change(table: pa.Table) -> pa.Table:
        at = table.column_names.index(name)
        field = table.schema.field(at)
        return table.set_column(at, field, pa.array(values(table), field.type))

    return change_data(change)


def change_json(path: str, change: Callable[[dict], object]) -> Damage:
    def damage(root: Path) -> None:
        document = json.loads((root / path).read_text())
        change(document)
        (root / path).write_text(json.dumps(document))

    return damage


def change_line(path: str, number: int, change: Callable[[dict], object]) -> Damage:
    def damage(root: Path) -> None:
        lines = [json.loads(line) for line in (root / path).read_text().splitlines()]
        change(lines[number])
        (root / path).write_text(''.join(json.dumps(line) + '\n' for line in lines))

    return damage


def drop_line(path: str) -> Damage:
    def damage(root: Path) -> None:
        lines = (root / path).read_text().splitlines(keepends=True)
        (root / path).write_text(''.join(lines[:-1]))

    return damage


def nan_action(table: pa.Table) -> list:
    rows = table.column('action').to_pylist()
    rows[2] = [float('nan')] * 6
    return rows


def null_state(table: pa.Table) -> list:
    return [None, *table.column('observation.state').to_pylist()[1:]]


def cut(path: Callable[[Path], Path], by: int = 20) -> Damage:
    return lambda root: path(root).write_bytes(path(root).read_bytes()[:-by])


def video(root: Path) -> Path:
    return sorted(root.rglob('*.mp4'))[0]


def another_size(root: Path) -> None:
    other = record(root.parent / 'other', small_contract(height=32), (6,))
    shutil.copy(video(other), video(root))


def broken_picture(table: pa.Table) -> list:
    rows = table.column('observation.images.depth').to_pylist()
    rows[3]['bytes'] = b'no picture'
    return rows


STATS_LINE = layout.V21_EPISODES_STATS
BOTH = [
    (change_info(fps=0), 'fps is 0'),
    (change_info(total_frames=16), 'total_frames is 16, there are 15'),
    (change_info(total_tasks=2), 'total_tasks is 2'),
    (change_info(chunks_size=None), 'chunks_size is None'),
    (change_info(data_path='data/{episode_index}.parquet'), 'data_path is'),
    (change_info(video_path=None), 'video_path is None'),
    (change_info(splits={'train': '0:1'}), 'splits'),
    (change_info(features={}), 'feature "timestamp"'),
    (change_feature('action', shape=[7]), 'action: '),
    (change_feature('observation.state', shape='six'), 'has shape'),
    (change_feature('index', dtype='int32'), 'feature "index"'),
    (cut(first_data), '.parquet has no footer'),
    (change_data(lambda table: table.drop_columns(['action'])), 'columns differ'),
    (with_column('action', nan_action), 'action is not finite in 1 rows, first in 2'),
    (with_column('observation.state', null_state), 'values are null'),
    (with_column('frame_index', lambda t: [5] * len(t)), 'frame_index does not count from 0'),
    (with_column('episode_index', lambda t: [7] * len(t)), 'another episode_index'),
    (with_column('index', lambda t: list(range(3, 3 + len(t)))), 'index is not the row number'),
    (with_column('task_index', lambda t: [4] * len(t)), 'task_index 4 in rows'),
    (with_column('timestamp', lambda t: np.zeros(len(t))), 'timestamp is off'),
    (lambda root: video(root).unlink(), '.mp4 is missing'),
    (cut(video, 300), '.mp4 cannot be read: Invalid data'),
    (another_size, 'has frames of 64x32'),
    (
        lambda root: shutil.copy(first_data(root), first_data(root).with_name('.x.parquet')),
        'no episode is recorded as lying there',
    ),
]
V30 = [
    (change_info(data_files_size_in_mb=None), 'data_files_size_in_mb is None'),
    (lambda root: (root / layout.STATS).unlink(), 'meta/stats.json is missing'),
    (change_json(layout.STATS, lambda s: s.pop('action')), 'action has no complete statistics'),
    (
        change_json(layout.STATS, lambda s: s['observation.images.cam0'].update(mean=[0.5] * 3)),
        'has shape (3,)',
    ),
    (
        change_json(layout.STATS, lambda s: s['action'].update(count=[3])),
        'action/count is [3], there are 15 rows',
    ),
    (
        lambda root: pq.write_table(
            pq.read_table(root / layout.TASKS).replace_schema_metadata(None), root / layout.TASKS
        ),
        'pandas metadata',
    ),
    (cut(lambda root: next((root / 'meta/episodes').rglob('*.parquet'))), '.parquet has no footer'),
]
V21 = [
    (change_info(total_videos=9), 'total_videos is 9'),
    (change_info(total_chunks=0), 'total_chunks is 0'),
    (drop_line(layout.V21_EPISODES), 'records of episodes'),
    (drop_line(STATS_LINE), 'episodes_stats.jsonl has no line for episode 1'),
    (lambda root: (root / layout.V21_TASKS).write_text('{'), 'tasks.jsonl line 1 cannot'),
    (change_line(layout.V21_EPISODES, 0, lambda line: line.update(length=5)), '5'),
    (change_line(layout.V21_EPISODES, 1, lambda line: line.update(tasks=['x'])), "tasks are ['x']"),
    (
        change_line(STATS_LINE, 0, lambda line: line['stats']['action'].update(max=[9.0] * 6)),
        'statistics of episode 0: action/max',
    ),
]
IMAGES = [
    (with_column('observation.images.depth', broken_picture), 'picture in row 3 does not decode'),
    (
        change_feature('observation.images.depth', shape=[10, 10, 1]),
        'picture in row 0 is 64x48',
    ),
]
CASES = [
    *((version, *case) for version in layout.VERSIONS for case in BOTH),
    *((layout.V30, *case) for case in V30),
    *((layout.V21, *case) for case in V21),
    *(('images', *case) for case in IMAGES),
]


@pytest.mark.parametrize(('kind', 'damage', 'words'), CASES)
def test_damage_is_found(
    tmp_path: Path, sound: dict[str, Path], kind: str, damage: Damage, words: str
) -> None:
    root = tmp_path / 'ds'
    shutil.copytree(sound[kind], root)
    damage(root)
    found = problems(root)
    assert any(words in problem for problem in found), found
