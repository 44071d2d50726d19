"""Kill -9 before and after every single rename: nothing saved is lost, nothing half is left."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pytest

from recorder_node.cli.edit import main as edit_main
from recorder_node.cli.recover import main as recover
from recorder_node.dataset import layout
from recorder_node.dataset.files import count_frames
from recorder_node.dataset.publish import complete, is_pending
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.swap import edit
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.errors import DatasetError
from tests.conftest import small_contract
from tests.killing import check, kill_once, killed_at_each_rename, moments
from tests.readable import check_readable
from tests.small_datasets import contents, problems, record

LENGTHS = (5, 7, 6)


def content(root: Path, count: int) -> list[tuple]:
    """Return rows and tasks of the first episodes."""
    dataset = Dataset(root)
    return [
        (
            dataset.rows(e).to_pylist(),
            e.tasks,
            [count_frames(root / s.path) for s in e.videos.values()],
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


@pytest.mark.parametrize('scenario', ['publish', 'undo', 'join', 'delete'])
def test_a_cut_change_without_its_log(tmp_path: Path, base: Path, scenario: str) -> None:
    """Nothing proves whose work it is: every byte stays, and what is whole can be copied."""
    for folder in killed_at_each_rename(tmp_path, scenario, base):
        root, target = folder / 'ds', folder / 'rescued'
        shutil.rmtree(folder / 'ds.recording')
        before = contents(root)
        with contextlib.suppress(DatasetError):
            DatasetWriter(root, describe(small_contract(), 30), resume=True)
        assert edit_main(['delete', str(root), '99']) == 1
        assert contents(root) == before
        if recover(['--foreign', str(root), str(target)]) == 0:
            assert problems(target) == [], folder
        assert contents(root) == before
        if scenario != 'delete':
            assert content(target, 2) == content(base, 2), folder


def test_a_cut_undo(tmp_path: Path, base: Path) -> None:
    for folder in killed_at_each_rename(tmp_path, 'undo', base):
        root = folder / 'ds'
        check_readable(root)
        begun = is_pending(root)
        writer = DatasetWriter(root, describe(small_contract(), 30), resume=True)
        assert problems(root) == [], folder
        assert writer.total_episodes == (2 if begun else 3)
        assert content(root, 2) == content(base, 2)


def test_a_cut_consolidation(tmp_path: Path, base: Path) -> None:
    rows = [entry[:2] for entry in content(base, 3)]
    for folder in killed_at_each_rename(tmp_path, 'join', base):
        root = folder / 'ds'
        check_readable(root)
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
        inode = root.stat().st_ino
        begun = is_pending(root)
        if problems(root):
            # Between the first and the last rename nobody takes the mixture for a dataset.
            assert 'codebase_version' not in json.loads((root / layout.INFO).read_text()) or begun
        complete(root)
        assert problems(root) == [], folder
        assert content(root, 3) == content(reference if begun else base, 3)
        assert root.stat().st_ino == inode
        if begun:
            assert content(folder / 'ds_old', 3) == content(base, 3)


def test_a_session_killed_at_random_moments(tmp_path: Path) -> None:
    lengths: list[int] = []
    for after_s in moments(4, seed=1):
        lengths = check(tmp_path, kill_once(tmp_path, after_s), lengths)
    assert lengths
