"""Datasets as lerobot's own tools leave them, and of several versions, are taken as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recorder_node.cli.edit import main as edit
from recorder_node.contract.contract import Contract
from recorder_node.dataset import layout
from recorder_node.dataset.check import Checker
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.recode import codec_of
from recorder_node.encoding.codecs import CODECS
from tests.damage import change_column, copy
from tests.small_datasets import contents, problems, record


def records_file(root: Path) -> Path:
    return next(root.glob('meta/episodes/*/*.parquet'))


def rewrite_records(root: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(records_file(root))), records_file(root))


def change_stats(root: Path, change: Callable[[dict], object]) -> None:
    path = root / layout.STATS
    stats = json.loads(path.read_text())
    change(stats)
    path.write_text(json.dumps(stats))


def stale_index_statistics(root: Path) -> None:
    """lerobot's delete, split, merge and modify_tasks renumber rows, not their statistics."""
    change_stats(root, lambda stats: stats['index'].update(max=[9999.0]))
    change_column(records_file(root), 'stats/index/max', lambda v: [[9999.0]] * len(v))


def path_without_videos(root: Path) -> None:
    """lerobot leaves the template there when no camera is stored as video."""
    info = json.loads((root / layout.INFO).read_text())
    (root / layout.INFO).write_text(json.dumps({**info, 'video_path': layout.VIDEO_PATH}))


def converted_to_video(root: Path) -> None:
    """lerobot's conversion of pictures to video drops tasks and the pictures' statistics."""
    rewrite_records(
        root,
        lambda table: table.drop_columns(
            [n for n in table.column_names if n == 'tasks' or n.startswith('stats/')]
        ),
    )
    change_stats(root, lambda stats: [stats.pop(n) for n in list(stats) if 'images' in n])


@pytest.mark.parametrize(
    ('name', 'change', 'notice'),
    [
        ('v3.0', stale_index_statistics, 'index columns are out of date'),
        ('v3.0_kinds', path_without_videos, 'video_path'),
        ('v3.0', converted_to_video, 'no tasks are recorded'),
        ('v3.0', converted_to_video, 'has no statistics'),
    ],
)
def test_what_lerobot_does_not_mind_is_a_notice(
    tmp_path: Path, name: str, change: Callable[[Path], None], notice: str
) -> None:
    root = copy(name, tmp_path / 'ds')
    change(root)
    checker = Checker(root)
    assert checker.run() == []
    assert any(notice in warning for warning in checker.warnings)
    assert edit(['delete', str(root), '0']) == 0
    checker = Checker(root)
    assert checker.run() == []
    assert not [w for w in checker.warnings if notice in w]
    assert all(episode.tasks for episode in Dataset(root).episodes)


def test_statistics_in_another_order_and_number_are_merged(tmp_path: Path) -> None:
    """Every version of lerobot writes the columns of a picture's statistics in its own order."""
    one, two = copy('v3.0', tmp_path / 'one'), copy('v3.0', tmp_path / 'two')
    rewrite_records(two, lambda table: table.select(sorted(table.column_names, reverse=True)))
    rewrite_records(
        two,
        lambda table: table.drop_columns([n for n in table.column_names if n.endswith('/q10')]),
    )
    before = contents(tmp_path)
    assert edit(['merge', str(tmp_path / 'all'), str(one), str(two), str(one)]) == 0
    assert problems(tmp_path / 'all') == []
    assert len(Dataset(tmp_path / 'all').episodes) == 9
    assert before.items() <= contents(tmp_path).items()


def test_what_others_keep_about_episodes_is_carried_over(tmp_path: Path) -> None:
    root = copy('v3.0', tmp_path / 'ds')
    rewrite_records(
        root, lambda table: table.append_column('quality', pa.array(['good', 'bad', 'fine']))
    )
    pq.write_table(pa.table({'subtask': ['reach', 'grasp']}), root / 'meta/subtasks.parquet')
    subtasks = (root / 'meta/subtasks.parquet').read_bytes()
    assert edit(['delete', str(root), '0']) == 0
    assert problems(root) == []
    assert pq.read_table(records_file(root)).column('quality').to_pylist() == ['bad', 'fine']
    assert edit(['split', str(root), str(tmp_path / 'part'), '1']) == 0
    assert (tmp_path / 'part/meta/subtasks.parquet').read_bytes() == subtasks
    assert Dataset(tmp_path / 'part').episodes[0].extra == {'quality': 'fine'}
    assert edit(['split', str(root), str(tmp_path / 'old'), '0', '--version', 'v2.1']) == 0
    assert Dataset(tmp_path / 'old').episodes[0].extra == {'quality': 'bad'}


def test_two_files_of_one_name_do_not_merge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roots = [copy('v3.0', tmp_path / name) for name in ('one', 'two')]
    for root in roots:
        (root / 'meta/modality.json').write_text(root.name)
    assert edit(['merge', str(tmp_path / 'all'), *map(str, roots)]) == 1
    assert 'modality.json' in capsys.readouterr().err
    assert not (tmp_path / 'all').exists()


def test_videos_of_two_codecs_are_refused_or_encoded_again(
    tmp_path: Path, contract: Contract, capsys: pytest.CaptureFixture[str]
) -> None:
    one = record(tmp_path / 'one', contract, (4, 5))
    two = record(tmp_path / 'two', contract, (6,), codec=CODECS['hevc'])
    before = contents(tmp_path)
    assert edit(['merge', str(tmp_path / 'all'), str(one), str(two)]) == 1
    said = capsys.readouterr().err
    assert 'h264 in' in said
    assert 'hevc in' in said
    assert '--vcodec' in said
    assert not (tmp_path / 'all').exists()
    words = ['merge', str(tmp_path / 'all'), str(one), str(two), '--vcodec', 'h264']
    assert edit(words) == 0
    assert problems(tmp_path / 'all') == []
    assert before.items() <= contents(tmp_path).items()
    videos = sorted((tmp_path / 'all').rglob('*.mp4'))
    assert [codec_of(path) for path in videos] == ['h264'] * 3
    info = Dataset(tmp_path / 'all').features['observation.images.cam0']['info']
    assert info['video.codec'] == 'h264'


def test_a_type_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copy('v3.0_kinds', tmp_path / 'ds')
    info = json.loads((root / layout.INFO).read_text())
    name = next(n for n, f in info['features'].items() if f['dtype'] == 'string')
    info['features'][name]['dtype'] = 'language'
    (root / layout.INFO).write_text(json.dumps(info))
    assert edit(['split', str(root), str(tmp_path / 'part'), '0']) == 1
    assert f'{name} (language)' in capsys.readouterr().err


def test_a_feature_without_names_has_none(tmp_path: Path) -> None:
    root = copy('v3.0', tmp_path / 'ds')
    info = json.loads((root / layout.INFO).read_text())
    del info['features']['action']['names']
    (root / layout.INFO).write_text(json.dumps(info))
    assert problems(root) == []
    assert edit(['delete', str(root), '0']) == 0
    assert Dataset(root).features['action']['names'] is None
