"""Kill -9 before and after every single rename: nothing saved is lost, nothing half is left."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from recorder_node.dataset.compose import edit
from recorder_node.dataset.publish import complete, is_pending
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.repair import frames_in, repair
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.recover import main as recover
from tests.conftest import small_contract
from tests.killing import check, kill_once, killed_at_each_rename, moments
from tests.readable import check_readable
from tests.small_datasets import problems, record

LENGTHS = (5, 7, 6)


def content(root: Path, count: int) -> list[tuple]:
    """Return rows and tasks of the first episodes."""
    dataset = Dataset(root)
    return [
        (
            dataset.rows(e).to_pylist(),
            e.tasks,
            [frames_in(root / s.path) for s in e.videos.values()],
        )
        for e in dataset.episodes[:count]
    ]


@pytest.fixture(scope='module')
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp('base'), small_contract(), LENGTHS)


def test_a_cut_save(tmp_path: Path, base: Path) -> None:
    before = content(base, 3)
    for folder in killed_at_each_rename(tmp_path, 'publish', base):
        root = folder / 'ds'
        check_readable(root)
        begun = is_pending(root)
        assert recover([str(root)]) == 0
        assert problems(root) == [], folder
        dataset = Dataset(root)
        assert content(root, 3) == before
        assert [episode.length for episode in dataset.episodes] == [*LENGTHS, 9]
        assert dataset.episodes[3].tasks == ('another',)
        if begun:
            assert not (folder / 'ds.recording').exists()


def test_a_cut_first_save(tmp_path: Path) -> None:
    for folder in killed_at_each_rename(tmp_path, 'first', None):
        root = folder / 'ds'
        assert recover([str(root)]) == 0
        assert problems(root) == [], folder
        assert [episode.length for episode in Dataset(root).episodes] == [9]


@pytest.mark.parametrize('scenario', ['publish', 'undo'])
def test_a_cut_change_without_its_log(tmp_path: Path, base: Path, scenario: str) -> None:
    """The folder beside the dataset is lost: complete episodes count, the rest is debris."""
    before = content(base, 2)
    for folder in killed_at_each_rename(tmp_path, scenario, base):
        root = folder / 'ds'
        check_readable(root)
        shutil.rmtree(folder / 'ds.recording')
        repair(root)
        assert problems(root) == [], folder
        assert content(root, 2) == before
        DatasetWriter(root, describe(small_contract(), 30), resume=True)
        assert repair(root) == []


def test_a_cut_undo(tmp_path: Path, base: Path) -> None:
    for folder in killed_at_each_rename(tmp_path, 'undo', base):
        root = folder / 'ds'
        check_readable(root)
        begun = is_pending(root)
        writer = DatasetWriter(root, describe(small_contract(), 30), resume=True)
        assert problems(root) == [], folder
        assert writer.total_episodes == (2 if begun else 3)
        assert content(root, 2) == content(base, 2)


@pytest.mark.parametrize('keeps_log', [True, False])
def test_a_cut_consolidation(tmp_path: Path, base: Path, keeps_log: bool) -> None:
    rows = [entry[:2] for entry in content(base, 3)]
    for folder in killed_at_each_rename(tmp_path, 'join', base):
        root = folder / 'ds'
        check_readable(root)
        if not keeps_log:
            shutil.rmtree(folder / 'ds.recording')
        DatasetWriter(root, describe(small_contract(), 30), resume=True)
        assert problems(root) == [], folder
        assert [entry[:2] for entry in content(root, 3)] == rows
        files = list((root / 'videos').rglob('*.mp4'))
        assert len(files) in (1, 3)


def test_a_cut_edit(tmp_path: Path, base: Path) -> None:
    reference = tmp_path / 'whole' / 'ds'
    shutil.copytree(base, reference)
    edit(reference, [0, 2], lambda done, total: None)
    for folder in killed_at_each_rename(tmp_path, 'delete', base):
        root = folder / 'ds'
        begun = is_pending(root)
        complete(root)
        assert problems(root) == [], folder
        assert content(root, 3) == content(reference if begun else base, 3)


def test_a_session_killed_at_random_moments(tmp_path: Path) -> None:
    lengths: list[int] = []
    for after_s in moments(4, seed=1):
        lengths = check(tmp_path, kill_once(tmp_path, after_s), lengths)
    assert lengths
