"""Surgery on datasets: what is kept stays bit for bit, the original until the new one verifies."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from recorder_node.cli.edit import episodes as numbers
from recorder_node.cli.edit import main as edit
from recorder_node.contract.contract import Contract
from recorder_node.dataset import compose, layout, splice
from recorder_node.dataset.consolidate import consolidate
from recorder_node.dataset.lock import RootLock
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.sidecars import reports
from recorder_node.errors import DatasetError, EncodeError
from tests.conftest import small_contract
from tests.small_datasets import problems, record

LENGTHS = (4, 7, 5, 6)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return record(tmp_path, small_contract(cameras=2), LENGTHS)


def lengths(root: Path) -> list[int]:
    return [episode.length for episode in Dataset(root).episodes]


def frames(root: Path, index: int, key: str) -> list[np.ndarray]:
    """Decode an episode's frames."""
    dataset = Dataset(root)
    span = dataset.episodes[index].videos[key]
    first = round(span.begin_s * dataset.fps)
    with av.open(str(root / span.path)) as container:
        decoded = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
    return decoded[first : first + dataset.episodes[index].length]


def actions(root: Path, index: int) -> list:
    dataset = Dataset(root)
    return dataset.rows(dataset.episodes[index]).column('action').to_pylist()


@pytest.mark.parametrize('joined', [False, True])
def test_deleting_leaves_the_others_as_they_were(root: Path, joined: bool) -> None:
    if joined:
        assert consolidate(root) == (8, 2)
        assert problems(root) == []
    key = 'observation.images.cam1'
    before = [(actions(root, n), frames(root, n, key)) for n in (0, 3)]
    assert edit(['delete', str(root), '1-2']) == 0
    assert problems(root) == []
    assert lengths(root) == [4, 6]
    for index, (rows, pictures) in enumerate(before):
        assert actions(root, index) == rows
        assert all(map(np.array_equal, frames(root, index, key), pictures))
    assert {index: entry['rows'] for index, entry in reports(root).items()} == {0: 4, 1: 6}
    assert (root / layout.STAMPS_PATH.format(episode_index=1)).is_file()
    assert not layout.recording_folder(root).exists()


def test_a_newer_take_replaces_an_episode(root: Path) -> None:
    newest = actions(root, 3)
    assert edit(['replace', str(root), '1', '3']) == 0
    assert problems(root) == []
    assert lengths(root) == [4, 6, 5]
    assert actions(root, 1) == newest


def test_the_last_episode_is_undone(root: Path) -> None:
    consolidate(root)
    assert edit(['undo', str(root)]) == 0
    assert lengths(root) == [4, 7, 5]
    assert problems(root) == []


@pytest.mark.parametrize('version', layout.VERSIONS)
def test_split_and_merge_give_the_whole_again(root: Path, tmp_path: Path, version: str) -> None:
    before = [actions(root, n) for n in range(4)]
    one, two, whole = (tmp_path / name for name in ('one', 'two', 'whole'))
    assert edit(['split', str(root), str(one), '0', '2', '--version', version]) == 0
    assert edit(['split', str(root), str(two), '1,3', '--version', version]) == 0
    assert lengths(root) == list(LENGTHS)
    assert edit(['merge', str(whole), str(one), str(two), '--version', layout.V30]) == 0
    for result in (one, two, whole):
        assert problems(result) == []
        assert not layout.recording_folder(result).exists()
    assert Dataset(one).version == version
    assert [actions(whole, n) for n in range(4)] == [before[n] for n in (0, 2, 1, 3)]
    key = 'observation.images.cam0'
    assert all(map(np.array_equal, frames(whole, 3, key), frames(root, 3, key)))
    stats = [Dataset(r).stats(Dataset(r).episodes[3])[key] for r in (root, whole)]
    for name in ('mean', 'std'):
        np.testing.assert_allclose(stats[1][name], stats[0][name], atol=0.03)


@pytest.mark.parametrize('name', ['v2.1', 'v2.1_kinds', 'v3.0', 'v3.0_kinds', 'v3.0_rollover'])
def test_what_lerobot_wrote_is_edited(tmp_path: Path, name: str) -> None:
    root = tmp_path / 'ds'
    shutil.copytree(Path(__file__).parents[2] / 'data' / 'lerobot' / name, root)
    before = lengths(root)
    assert edit(['delete', str(root), '1']) == 0
    assert problems(root) == []
    assert lengths(root) == [before[0], *before[2:]]


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['delete', 'ROOT', '9'], 'has episodes 0..3, not 9'),
        (['delete', 'ROOT', '0-3'], 'no episode would be left'),
        (['delete', 'ROOT', '3-1'], 'runs backwards'),
        (['delete', 'ROOT', 'x'], 'is no episode'),
        (['replace', 'ROOT', '2', '2'], 'cannot replace itself'),
        (['split', 'ROOT', 'ROOT', '0'], 'is a source'),
        (['merge', 'OUT', 'ROOT', 'NONE'], 'is not a dataset'),
        (['undo', 'NONE'], 'is no folder'),
    ],
)
def test_wrong_orders_change_nothing(
    root: Path, tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {'ROOT': str(root), 'OUT': str(tmp_path / 'out'), 'NONE': str(tmp_path / 'none')}
    before = sorted(path for path in tmp_path.rglob('*') if path.is_file())
    assert edit([names.get(text, text) for text in arguments]) == 1
    assert words in capsys.readouterr().err
    assert sorted(path for path in tmp_path.rglob('*') if path.is_file()) == before
    assert lengths(root) == list(LENGTHS)


def test_datasets_that_differ_do_not_merge(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = record(tmp_path / 'b', small_contract(cameras=1), (3,))
    assert edit(['merge', str(tmp_path / 'out'), str(root), str(other)]) == 1
    assert 'cam1" is missing there' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_the_original_stays_when_the_copy_does_not_verify(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        compose.Checker, 'run', lambda self, quick=False: [] if quick else ['a made-up problem']
    )
    assert edit(['delete', str(root), '1']) == 1
    assert 'a made-up problem' in capsys.readouterr().err
    monkeypatch.undo()
    assert problems(root) == []
    assert lengths(root) == list(LENGTHS)
    assert not layout.recording_folder(root).exists()


def test_a_dataset_being_recorded_is_not_edited(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = RootLock(layout.recording_folder(root))
    assert edit(['delete', str(root), '1']) == 1
    assert 'is in use' in capsys.readouterr().err
    lock.close()


def test_ranges() -> None:
    assert numbers(['3', '5-7,9']) == [3, 5, 6, 7, 9]


def test_joining_stops_at_size_and_duration(
    root: Path, monkeypatch: pytest.MonkeyPatch, contract: Contract
) -> None:
    monkeypatch.setattr(layout, 'MAX_EPISODE_S', 12 / 30)
    assert consolidate(root) == (8, 4)
    assert problems(root) == []
    places = [e.videos['observation.images.cam0'].path[-12:] for e in Dataset(root).episodes]
    assert places == ['file-004.mp4', 'file-004.mp4', 'file-005.mp4', 'file-005.mp4']
    monkeypatch.undo()
    record(root.parent, small_contract(cameras=2), (3,), resume=True)
    assert consolidate(root) == (6, 2)
    assert problems(root) == []
    assert consolidate(root) == (2, 2)
    files = [str(path.relative_to(root)) for path in sorted((root / 'videos').rglob('*.mp4'))]
    assert [name[-12:] for name in files] == ['file-007.mp4'] * 2


def test_joining_is_given_up_on_request(root: Path) -> None:
    before = sorted(root.rglob('*'))
    with pytest.raises(EncodeError, match='given up'):
        consolidate(root, stop=lambda: True)
    assert sorted(root.rglob('*')) == before
    assert problems(root) == []


def test_joining_needs_room(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from recorder_node.dataset import consolidate as module

    usage = shutil.disk_usage(root)._replace(free=1000)
    monkeypatch.setattr(module.shutil, 'disk_usage', lambda path: usage)
    with pytest.raises(DatasetError, match='are free'):
        consolidate(root)


def test_a_cut_needs_a_key_frame_and_all_frames(root: Path, tmp_path: Path) -> None:
    video = sorted((root / 'videos').rglob('*.mp4'))[1]
    splice.cut(video, tmp_path / 'part.mp4', 30, 2, 4)
    with pytest.raises(EncodeError, match='no key frame'):
        splice.cut(video, tmp_path / 'part.mp4', 30, 1, 2)
    with pytest.raises(EncodeError, match='were wanted'):
        splice.cut(video, tmp_path / 'part.mp4', 30, 2, 20)
