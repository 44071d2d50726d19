"""Formats v2.1 and v3.0: files, columns, metadata, counters; what real lerobot wrote is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from recorder_node.contract.contract import Contract
from recorder_node.dataset import layout
from recorder_node.dataset.files import read_lines
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.errors import DatasetError
from tests.conftest import small_contract
from tests.small_datasets import problems, record, sealed


def test_v21_has_its_own_files_per_episode(tmp_path: Path, contract: Contract) -> None:
    writer = DatasetWriter(tmp_path / 'ds', describe(contract, 30, layout.V21), resume=False)
    writer.publish(sealed(tmp_path, contract, 4, ('open', 'close')), {})
    writer.publish(sealed(tmp_path, contract, 6, ('close \u2028 it',)), {})
    root = writer.root
    assert problems(root) == []
    files = sorted(str(p.relative_to(root)) for p in root.rglob('*') if p.is_file())
    assert files == [
        'data/chunk-000/episode_000000.parquet',
        'data/chunk-000/episode_000001.parquet',
        'meta/episodes.jsonl',
        'meta/episodes_stats.jsonl',
        'meta/info.json',
        'meta/tasks.jsonl',
        'recorder/episodes.jsonl',
        'recorder/stamps/episode_000000.feather',
        'recorder/stamps/episode_000001.feather',
        'videos/chunk-000/observation.images.cam0/episode_000000.mp4',
        'videos/chunk-000/observation.images.cam0/episode_000001.mp4',
    ]
    info = json.loads((root / layout.INFO).read_text())
    assert (info['total_videos'], info['total_chunks'], info['total_tasks']) == (2, 1, 3)
    assert read_lines(root / layout.V21_EPISODES)[1] == {
        'episode_index': 1,
        'tasks': ['close \u2028 it'],
        'length': 6,
    }
    stats = read_lines(root / layout.V21_EPISODES_STATS)[0]['stats']
    assert set(stats['action']) == {'min', 'max', 'mean', 'std', 'count'}
    metadata = pq.read_schema(root / files[0]).metadata[b'huggingface']
    action = json.loads(metadata)['info']['features']['action']
    assert action['_type'] == 'Sequence'


def test_v21_is_resumed_in_its_own_format(tmp_path: Path, contract: Contract) -> None:
    root = record(tmp_path, contract, (3, 4), version=layout.V21)
    record(tmp_path, contract, (5,), resume=True)
    assert problems(root) == []
    assert [episode.length for episode in Dataset(root).episodes] == [3, 4, 5]
    with pytest.raises(DatasetError, match=r"codebase_version is 'v2.1' there and 'v3.0' here"):
        DatasetWriter(root, describe(contract, 30, layout.V30), resume=True)


@pytest.mark.parametrize('version', layout.VERSIONS)
def test_an_episode_is_taken_back(tmp_path: Path, contract: Contract, version: str) -> None:
    writer = DatasetWriter(tmp_path / 'ds', describe(contract, 30, version), resume=False)
    for rows in (3, 4):
        writer.publish(sealed(tmp_path, contract, rows), {'rows': rows})
    before = snapshot(writer.root)
    writer.publish(sealed(tmp_path, contract, 5, ('other',)), {'rows': 5})
    assert writer.drop_last() == 2
    assert problems(writer.root) == []
    assert (writer.total_episodes, writer.total_frames) == (2, 7)
    assert rows_of(writer.root) == [row for rows in before for row in rows]
    writer.publish(sealed(tmp_path, contract, 6), {})
    assert problems(writer.root) == []
    for _ in range(3):
        writer.drop_last()
    assert not writer.root.exists()
    with pytest.raises(DatasetError, match='has no episode'):
        writer.drop_last()
    writer.publish(sealed(tmp_path, contract, 2), {})
    assert problems(writer.root) == []


def snapshot(root: Path) -> list[list[dict]]:
    dataset = Dataset(root)
    return [dataset.rows(episode).to_pylist() for episode in dataset.episodes]


def rows_of(root: Path) -> list[dict]:
    return [row for rows in snapshot(root) for row in rows]


@pytest.mark.parametrize('version', layout.VERSIONS)
def test_without_cameras_there_is_no_video_path(tmp_path: Path, version: str) -> None:
    root = record(tmp_path, small_contract(cameras=0), (1, 2), version=version)
    assert problems(root) == []
    assert json.loads((root / layout.INFO).read_text())['video_path'] is None


REFERENCES = Path(__file__).parents[2] / 'data' / 'lerobot'


@pytest.mark.parametrize('name', ['v2.1', 'v2.1_kinds', 'v3.0', 'v3.0_kinds', 'v3.0_rollover'])
def test_what_lerobot_wrote_is_valid(name: str) -> None:
    assert problems(REFERENCES / name) == []


@pytest.mark.parametrize('name', ['v2.1', 'v3.0', 'v3.0_rollover'])
def test_what_lerobot_wrote_is_resumed(tmp_path: Path, name: str) -> None:
    root = tmp_path / 'ds'
    shutil.copytree(REFERENCES / name, root)
    contract = reference_contract(root)
    before = rows_of(root)
    record(tmp_path, contract, (7, 3), resume=True)
    assert problems(root) == []
    assert rows_of(root)[: len(before)] == before
    dataset = Dataset(root)
    assert dataset.episodes[-1].length == 3
    assert dataset.tasks == ['pick the cube', 'open the drawer', 'pick']
    np.testing.assert_array_equal(
        dataset.rows(dataset.episodes[-1]).column('task_index').to_numpy(), [2, 2, 2]
    )


def reference_contract(root: Path) -> Contract:
    import dataclasses

    info = json.loads((root / layout.INFO).read_text())
    contract = small_contract(cameras=2, height=48, width=64)
    names = iter(('observation.images.front', 'observation.images.wrist'))
    features = tuple(
        dataclasses.replace(f, name=next(names)) if f.is_video else f for f in contract.features
    )
    return dataclasses.replace(contract, robot_type=info['robot_type'], features=features)
