"""The dataset on disk: columns, order of publication, resume, refusals, damage found."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from recorder_node.cli.validate import main as validate
from recorder_node.contract.contract import Contract
from recorder_node.dataset import layout, v30
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.errors import DatasetError
from so101_driver.common.errors import ConfigError
from tests.conftest import T0_NS, small_contract
from tests.small_datasets import problems, record, sealed


def test_a_dataset_is_whole_after_every_episode(tmp_path: Path, contract: Contract) -> None:
    writer = DatasetWriter(tmp_path / 'ds', describe(contract, 30), resume=False)
    assert not writer.root.exists()
    for episode, rows in enumerate((5, 1, 8)):
        assert writer.publish(sealed(tmp_path, contract, rows), {}) == episode
        assert problems(writer.root) == []
        assert not list((tmp_path / 'ds.recording').iterdir())
    info = json.loads((writer.root / layout.INFO).read_text())
    assert (info['total_episodes'], info['total_frames'], info['total_tasks']) == (3, 14, 1)
    assert info['splits'] == {'train': '0:3'}
    assert list(info['features'])[-5:] == list(layout.INDEX_FEATURES)
    assert info['features']['observation.images.cam0']['info']['video.codec'] == 'h264'
    data = pq.ParquetFile(writer.root / 'data/chunk-000/file-000.parquet')
    assert [data.metadata.row_group(i).num_rows for i in range(3)] == [5, 1, 8]
    schema = json.loads(data.schema_arrow.metadata[b'huggingface'])['info']['features']
    assert schema['action'] == {
        'feature': {'dtype': 'float32', '_type': 'Value'},
        'length': 6,
        '_type': 'List',
    }
    stamps = feather.read_table(writer.root / 'recorder/stamps/episode_000002.feather')
    assert stamps.column('action/stamp_ns')[0].as_py() == T0_NS + 1_000_000
    reports = (writer.root / layout.REPORTS).read_text().splitlines()
    assert [json.loads(line)['episode_index'] for line in reports] == [0, 1, 2]


def test_the_task_may_change_within_an_episode(tmp_path: Path, contract: Contract) -> None:
    writer = DatasetWriter(tmp_path / 'ds', describe(contract, 30), resume=False)
    writer.publish(sealed(tmp_path, contract, 4, ('open', 'close')), {})
    writer.publish(sealed(tmp_path, contract, 6, ('close',)), {})
    assert problems(writer.root) == []
    rows = pq.read_table(writer.root / 'data/chunk-000/file-000.parquet')
    assert rows.column('task_index').to_pylist() == [0, 0, 1, 1] + [1] * 6


def test_files_rename_in_the_written_order(
    tmp_path: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets: list[str] = []
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if target.is_relative_to(tmp_path / 'ds'):
            targets.append(str(target.relative_to(tmp_path / 'ds')))
        return real(self, target)

    monkeypatch.setattr(Path, 'replace', replace)
    record(tmp_path, contract, (3,))
    kinds = [t.split('/')[0] if t.startswith(('videos', 'data', 'rec')) else t for t in targets]
    assert kinds == [
        'recorder',
        'videos',
        'meta/tasks.parquet',
        'data',
        'meta/stats.json',
        'meta/episodes/chunk-000/file-000.parquet',
        'meta/info.json',
    ]


def test_a_save_cut_before_any_rename_leaves_the_saved_episodes_whole(
    tmp_path: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace
    steps = 7
    for step in range(steps):
        shutil.rmtree(tmp_path / 'ds', ignore_errors=True)
        shutil.rmtree(tmp_path / 'ds.recording', ignore_errors=True)
        monkeypatch.setattr(Path, 'replace', real)
        record(tmp_path, contract, (3,))
        before = rows_of(tmp_path / 'ds', 3)
        take = sealed(tmp_path, contract, 4)
        calls = [0]

        def replace(self: Path, target: Path, calls: list[int] = calls, step: int = step) -> Path:
            if target.is_relative_to(tmp_path / 'ds'):
                calls[0] += 1
                if calls[0] > step:
                    raise OSError(28, 'No space left on device')
            return real(self, target)

        monkeypatch.setattr(Path, 'replace', replace)
        writer = DatasetWriter(tmp_path / 'ds', describe(contract, 30), resume=True)
        with pytest.raises(OSError, match='No space'):
            writer.publish(take, {})
        assert calls[0] == step + 1
        assert writer.total_episodes == 1
        assert rows_of(tmp_path / 'ds', 3) == before


def rows_of(root: Path, rows: int) -> list:
    files = sorted((root / 'data').glob('*/*.parquet'))
    return pq.read_table(files[0]).slice(0, rows).to_pylist()


def test_small_files_are_followed_by_new_ones(
    tmp_path: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(v30, 'TAIL_BYTES', 6000)
    root = record(tmp_path, contract, (4, 5, 6, 7, 8, 9))
    assert problems(root) == []
    assert len(list((root / 'data').glob('*/*.parquet'))) > 1
    assert len(list((root / 'videos').glob('*/*/*.mp4'))) == 6


def test_resume_adds_episodes_and_keeps_the_old_bytes(tmp_path: Path, contract: Contract) -> None:
    root = record(tmp_path, contract, (3, 4))
    old = {path: path.read_bytes() for path in root.rglob('*.mp4')}
    record(tmp_path, contract, (5,), resume=True)
    assert problems(root) == []
    assert json.loads((root / layout.INFO).read_text())['total_frames'] == 12
    assert all(path.read_bytes() == data for path, data in old.items())


@pytest.mark.parametrize(
    ('other', 'fps', 'words'),
    [
        (lambda: small_contract(cameras=2), 30, 'cam1" is missing there'),
        (lambda: small_contract(cameras=0), 30, 'cam0" is missing here'),
        (lambda: small_contract(width=32), 30, r'shape is \[48, 64, 3\] there and \[48, 32, 3\]'),
        (small_contract, 15, 'fps is 30 there and 15 here'),
    ],
)
def test_resume_names_every_difference(
    tmp_path: Path, contract: Contract, other: Callable[[], Contract], fps: int, words: str
) -> None:
    record(tmp_path, contract, (3,))
    with pytest.raises(DatasetError, match=words):
        DatasetWriter(tmp_path / 'ds', describe(other(), fps), resume=True)


def test_an_existing_folder_is_never_overwritten(tmp_path: Path, contract: Contract) -> None:
    (tmp_path / 'ds').mkdir()
    (tmp_path / 'ds' / 'thesis.txt').write_text('do not touch')
    with pytest.raises(ConfigError, match='resume:=true'):
        DatasetWriter(tmp_path / 'ds', describe(contract, 30), resume=False)
    with pytest.raises(ConfigError, match='is not a dataset'):
        DatasetWriter(tmp_path / 'ds', describe(contract, 30), resume=True)
    with pytest.raises(ConfigError, match='there is no dataset'):
        DatasetWriter(tmp_path / 'none', describe(contract, 30), resume=True)
    assert [p.name for p in (tmp_path / 'ds').iterdir()] == ['thesis.txt']


@pytest.mark.parametrize('with_hub', [True, False])
@pytest.mark.parametrize(
    'repo_id', ['', 'a b', '../x', 'a/../b', '/etc', 'a/b/c', 'a/', 'a--b/c', 'ä/b', '.a/b']
)
def test_a_repo_id_leads_nowhere_else(
    repo_id: str, with_hub: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_hub:
        monkeypatch.setitem(sys.modules, 'huggingface_hub.utils', None)
    assert layout.repo_id_problems(repo_id)
    assert not layout.repo_id_problems('user/so101_pick-2.v1')


@pytest.mark.parametrize('repo_id', ['me/x.git', 'me/x.', 'me/-x', f'me/{"x" * 97}'])
def test_a_name_that_the_hub_refuses_is_refused_before_recording(repo_id: str) -> None:
    (problem,) = layout.repo_id_problems(repo_id)
    assert repo_id in problem


def damage_info(root: Path, **values: object) -> None:
    info = json.loads((root / layout.INFO).read_text())
    (root / layout.INFO).write_text(json.dumps({**info, **values}))


def damage_video(root: Path) -> None:
    path = next(root.rglob('*.mp4'))
    path.write_bytes(path.read_bytes()[:-200])


def swap_videos(root: Path) -> None:
    first, second = sorted(root.rglob('*.mp4'))[:2]
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


def damage_rows(root: Path) -> None:
    path = next((root / 'data').rglob('*.parquet'))
    table = pq.read_table(path)
    pq.write_table(table.slice(0, table.num_rows - 1), path)


def damage_column(root: Path) -> None:
    path = next((root / 'data').rglob('*.parquet'))
    table = pq.read_table(path)
    at = table.column_names.index('timestamp')
    late = np.asarray(table.column('timestamp')) + np.float32(0.01)
    pq.write_table(table.set_column(at, 'timestamp', [late]), path)


def damage_stats(root: Path) -> None:
    stats = json.loads((root / layout.STATS).read_text())
    stats['action']['std'] = [0.5] * 6
    (root / layout.STATS).write_text(json.dumps(stats))


@pytest.mark.parametrize(
    ('damage', 'words'),
    [
        (lambda root: damage_info(root, total_episodes=3), 'total_episodes is 3'),
        (lambda root: damage_info(root, total_frames=1), 'total_frames is 1'),
        (lambda root: damage_info(root, splits={}), 'splits'),
        (lambda root: damage_info(root, codebase_version='v9'), 'codebase_version'),
        (lambda root: (root / layout.INFO).unlink(), 'info.json is missing'),
        (lambda root: (root / layout.TASKS).unlink(), 'tasks.parquet is missing'),
        (lambda root: next(root.rglob('*.mp4')).unlink(), 'is missing'),
        (damage_video, '.mp4'),
        (swap_videos, 'its episodes have'),
        (damage_rows, 'rows'),
        (damage_column, 'timestamp is off'),
        (damage_stats, 'action/std'),
    ],
)
def test_validate_finds_damage(
    tmp_path: Path,
    contract: Contract,
    damage: Callable[[Path], None],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = record(tmp_path, contract, (30, 45))
    assert validate([str(root)]) == 0
    damage(root)
    assert validate([str(root), '--json']) == 1
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert not report['valid']
    assert any(words in problem for problem in report['problems']), report['problems']
