"""Where a dataset lies is no matter: links, caches, other file systems, read-only sources."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from recorder_node.cli.edit import main as edit
from recorder_node.cli.recover import main as recover
from recorder_node.contract.contract import Contract
from recorder_node.dataset import layout, publish, steps
from recorder_node.dataset.lock import RootLock, is_locked
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.removed import removed
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.errors import DatasetError
from tests.conftest import small_contract
from tests.damage import copy
from tests.small_datasets import contents, problems, record, sealed

LENGTHS = (3, 4, 5)


@pytest.fixture
def other_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Folders on disks of their own: nothing is renamed or linked between them."""
    disks: list[Path] = []

    def disk(path: Any) -> Path | None:
        real = Path(path).parent.resolve() / Path(path).name
        return next((d for d in disks if real.is_relative_to(d)), None)

    def guarded(real: Any) -> Any:
        def move(source: Any, target: Any, **options: Any) -> Any:
            if disk(source) != disk(target):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            return real(source, target, **options)

        return move

    monkeypatch.setattr(Path, 'replace', guarded(Path.replace))
    monkeypatch.setattr(Path, 'rename', guarded(Path.rename))
    monkeypatch.setattr(os, 'link', guarded(os.link))
    return disks


def lengths(root: Path) -> list[int]:
    return [episode.length for episode in Dataset(root).episodes]


def test_a_link_stays_a_link_and_leads_to_one_lock(tmp_path: Path, contract: Contract) -> None:
    record(tmp_path / 'large', contract, LENGTHS)
    link = tmp_path / 'ds'
    link.symlink_to(tmp_path / 'large' / 'ds')
    root = layout.resolve_root(str(link), 'me/x')
    lock = RootLock(layout.recording_folder(root))
    assert edit(['delete', str(link), '0']) == 1
    lock.close()
    assert edit(['delete', str(link), '0']) == 0
    assert link.is_symlink()
    assert lengths(link) == [4, 5]
    assert problems(link) == []


def test_a_take_is_found_from_either_side_of_a_link(
    tmp_path: Path, contract: Contract, capsys: pytest.CaptureFixture[str]
) -> None:
    root = record(tmp_path, contract, (3,))
    take = sealed(tmp_path, contract, 6)
    (tmp_path / 'elsewhere').mkdir()
    link = tmp_path / 'elsewhere' / 'name'
    link.symlink_to(root)
    assert recover([str(link), '--list']) == 0
    assert str(take.folder) in capsys.readouterr().out


@pytest.mark.parametrize('name', ['v3.0', 'v2.1'])
def test_files_that_are_links_into_a_cache(tmp_path: Path, name: str) -> None:
    """The folder that huggingface_hub makes: `snapshots/<revision>` of links to `blobs`."""
    root, blobs = copy(name, tmp_path / 'snapshots' / 'revision'), tmp_path / 'blobs'
    blobs.mkdir()
    for number, path in enumerate(p for p in sorted(root.rglob('*')) if p.is_file()):
        path.rename(blobs / str(number))
        path.symlink_to(os.path.relpath(blobs / str(number), path.parent))
    before = contents(blobs)
    assert edit(['split', str(root), str(tmp_path / 'part'), '1']) == 0
    assert problems(tmp_path / 'part') == []
    assert edit(['delete', str(root), '0']) == 0
    assert problems(root) == []
    assert lengths(root) == [30, 50]
    old = tmp_path / 'snapshots' / 'revision_old'
    assert problems(old) == []
    assert contents(blobs) == before
    shutil.rmtree(blobs)
    assert problems(root) == problems(old) == problems(tmp_path / 'part') == []


def test_a_root_that_is_a_mount_point(
    tmp_path: Path, contract: Contract, other_disk: list[Path]
) -> None:
    root = tmp_path / 'ds'
    other_disk.append(root)
    writer = DatasetWriter(root, describe(contract, 30), resume=False)
    for rows in LENGTHS:
        writer.publish(sealed(tmp_path, contract, rows), {'rows': rows})
    assert problems(root) == []
    assert writer.drop_last() == 2
    assert edit(['consolidate', str(root)]) == 0
    assert edit(['delete', str(root), '0']) == 0
    assert lengths(root) == [4]
    assert problems(root) == []
    assert problems(tmp_path / 'ds_old') == []


@pytest.mark.parametrize('version', layout.VERSIONS)
def test_videos_on_another_disk(
    tmp_path: Path, contract: Contract, other_disk: list[Path], version: str
) -> None:
    root, large = tmp_path / 'ds', tmp_path / 'large'
    large.mkdir()
    other_disk.append(large)
    writer = DatasetWriter(root, describe(contract, 30, version), resume=False)
    writer.publish(sealed(tmp_path, contract, 3), {'rows': 3})
    shutil.copytree(root / 'videos', large / 'videos')
    shutil.rmtree(root / 'videos')
    (root / 'videos').symlink_to(large / 'videos')
    writer.publish(sealed(tmp_path, contract, 4), {'rows': 4})
    assert edit(['delete', str(root), '0']) == 0
    assert (root / 'videos').is_symlink()
    assert lengths(root) == [4]
    assert problems(root) == []
    assert not [path for path in large.rglob('*') if path.name.endswith('.part')]


def test_a_copy_to_another_disk_that_is_cut_completes_itself(
    tmp_path: Path, contract: Contract, other_disk: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / 'ds'
    writer = DatasetWriter(root, describe(contract, 30), resume=False)
    writer.publish(sealed(tmp_path, contract, 3), {'rows': 3})
    other_disk.append(root)
    real, calls = shutil.copy2, [0]

    def cut(source: Path, target: Path) -> None:
        calls[0] += 1
        if calls[0] == 3:
            target.write_bytes(b'half')
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(source, target)

    monkeypatch.setattr(steps.shutil, 'copy2', cut)
    with pytest.raises(OSError, match='Input/output'):
        writer.publish(sealed(tmp_path, contract, 4), {'rows': 4})
    assert publish.is_pending(root)
    assert recover([str(root)]) == 0
    assert lengths(root) == [3, 4]
    assert problems(root) == []
    assert not [path for path in root.rglob('*') if path.name.endswith('.part')]


def test_a_place_that_cannot_be_replaced_is_found_before_anything_is_logged(
    tmp_path: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = record(tmp_path, contract, (3,))
    before = contents(root)
    real = os.path.ismount
    info = root / layout.INFO
    monkeypatch.setattr(os.path, 'ismount', lambda path: path == info or real(path))
    writer = DatasetWriter(root, describe(contract, 30), resume=True)
    with pytest.raises(DatasetError, match='is a mount point of its own'):
        writer.publish(sealed(tmp_path, contract, 4), {'rows': 4})
    assert not publish.is_pending(root)
    assert contents(root) == before


def test_a_read_only_source_is_split_and_merged(
    tmp_path: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = record(tmp_path / 'readonly', contract, LENGTHS)
    real = Path.mkdir

    def mkdir(self: Path, *args: Any, **options: Any) -> None:
        if self.is_relative_to(tmp_path / 'readonly'):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        real(self, *args, **options)

    monkeypatch.setattr(Path, 'mkdir', mkdir)
    assert edit(['split', str(root), str(tmp_path / 'part'), '1']) == 0
    assert edit(['merge', str(tmp_path / 'all'), str(root), str(root)]) == 0
    assert lengths(tmp_path / 'all') == [*LENGTHS, *LENGTHS]
    assert edit(['delete', str(root), '1']) == 1


def test_a_source_that_is_being_recorded_is_not_copied(tmp_path: Path, contract: Contract) -> None:
    root = record(tmp_path, contract, LENGTHS)
    lock = RootLock(layout.recording_folder(root))
    assert is_locked(layout.recording_folder(root))
    assert edit(['split', str(root), str(tmp_path / 'part'), '1']) == 1
    lock.close()
    assert not is_locked(layout.recording_folder(root))


def test_what_is_taken_out_is_kept_with_a_note_until_it_is_purged(
    tmp_path: Path, contract: Contract, capsys: pytest.CaptureFixture[str]
) -> None:
    root = record(tmp_path, contract, (3,))
    (root / 'README.md').write_text('mine')
    before = contents(root)
    writer = DatasetWriter(root, describe(contract, 30), resume=True)
    assert writer.drop_last() == 0
    assert contents(root) == {'README.md': b'mine'}
    (folder,) = removed(root)
    kept = contents(folder / 'files')
    assert kept == {name: data for name, data in before.items() if name != 'README.md'}
    assert 'episode 0, taken back' in (folder / 'note.txt').read_text()
    writer.publish(sealed(tmp_path, contract, 4), {'rows': 4})
    assert problems(root) == []
    assert edit(['purge', str(root)]) == 0
    assert '1 folders of removed files deleted' in capsys.readouterr().out
    assert not layout.recording_folder(root).exists()


def test_joining_keeps_what_others_wrote(tmp_path: Path) -> None:
    root = copy('v3.0_rollover', tmp_path / 'ds')
    before = contents(root)
    assert edit(['consolidate', str(root)]) == 0
    assert problems(root) == []
    assert set(before.values()) <= set(contents(tmp_path).values())


def test_the_log_of_a_renamed_dataset_touches_no_other(
    tmp_path: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = record(tmp_path, contract, LENGTHS)
    writer = DatasetWriter(root, describe(contract, 30), resume=True)
    monkeypatch.setattr(publish.steps, 'carry_out', lambda todo: (_ for _ in ()).throw(OSError()))
    with pytest.raises(OSError):
        writer.drop_last()
    monkeypatch.undo()
    moved = tmp_path / 'moved'
    root.rename(moved)
    layout.recording_folder(root).rename(layout.recording_folder(moved))
    record(tmp_path, small_contract(cameras=2), LENGTHS)
    before = contents(root)
    assert recover([str(moved)]) == 0
    assert lengths(moved) == [3, 4]
    assert contents(root) == before


@pytest.mark.parametrize('text', ['', '{', '{"format": 1}', '{"format": 3, "steps": [["x"]]}'])
def test_a_damaged_log_is_left_to_the_user(
    tmp_path: Path, contract: Contract, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = record(tmp_path, contract, (3,))
    log = layout.commit_log(root)
    log.parent.mkdir(parents=True)
    log.write_text(text)
    assert recover([str(root)]) == 1
    assert 'commit.json' in capsys.readouterr().err
    assert log.is_file()


def test_a_log_that_leads_elsewhere_is_refused(tmp_path: Path, contract: Contract) -> None:
    root = record(tmp_path, contract, (3,))
    for path in ('root:../x', 'beside:/etc/passwd', 'old:other', 'parent:x', 'root:'):
        with pytest.raises(ValueError, match='it names'):
            steps.Step.from_log(root, ['delete', path, '', ''])


def test_a_folder_that_cannot_be_written_is_found_before_a_session(
    tmp_path: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = record(tmp_path, contract, (3,))
    real = layout.tempfile.mkdtemp

    def mkdtemp(prefix: str, dir: Path) -> str:
        if dir == root / 'videos':
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return str(real(prefix=prefix, dir=dir))

    monkeypatch.setattr(layout.tempfile, 'mkdtemp', mkdtemp)
    (problem,) = layout.root_problems(root, resume=True)
    assert f'Read-only file system in {root / "videos"}' in problem


@pytest.mark.parametrize('command', ['delete', 'recover'])
def test_the_log_of_a_cut_change_leaves_a_restored_dataset_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    root = copy('v3.0', tmp_path / 'ds')
    real = steps.carry_out

    def cut(todo: list[steps.Step]) -> None:
        if any(step.touched == root / layout.INFO for step in todo):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(todo)

    monkeypatch.setattr(publish.steps, 'carry_out', cut)
    assert edit(['delete', str(root), '0']) == 1
    monkeypatch.undo()
    assert publish.is_pending(root)
    shutil.rmtree(root)
    copy('v3.0_rollover', root)
    before = contents(root)
    assert (edit(['delete', str(root), '99']) if command == 'delete' else recover([str(root)])) == 1
    assert 'is not what it was then' in capsys.readouterr().err
    assert contents(root) == before
    shutil.rmtree(layout.commit_log(root).parent)
    assert edit(['delete', str(root), '0']) == 0
    assert problems(root) == []


def test_reports_grow_in_a_copy_where_others_see_the_file(
    tmp_path: Path, contract: Contract
) -> None:
    root = record(tmp_path, contract, (3,))
    reports, blob, backup = root / layout.REPORTS, tmp_path / 'blob', tmp_path / 'backup'
    reports.rename(blob)
    reports.symlink_to(blob)
    before = blob.read_bytes()
    record(tmp_path, contract, (4,), resume=True)
    assert blob.read_bytes() == before
    os.link(reports, backup)
    before = backup.read_bytes()
    record(tmp_path, contract, (5,), resume=True)
    assert backup.read_bytes() == before
    assert len(reports.read_bytes().splitlines()) == 3


def test_a_folder_where_a_file_belongs_is_named(
    tmp_path: Path, contract: Contract, capsys: pytest.CaptureFixture[str]
) -> None:
    root = record(tmp_path, contract, LENGTHS)
    (root / layout.STATS).unlink()
    (root / layout.STATS).mkdir()
    assert edit(['delete', str(root), '0']) == 1
    assert layout.STATS in capsys.readouterr().err
    assert lengths(root) == list(LENGTHS)


def test_no_two_hold_a_dataset_though_its_last_holder_removes_the_lock(tmp_path: Path) -> None:
    folder = tmp_path / 'ds.recording'
    first = RootLock(folder)
    stale = (folder / 'lock').open('a+')
    first.close()
    fcntl.flock(stale, fcntl.LOCK_EX)
    second = RootLock(folder)
    with pytest.raises(DatasetError, match='in use'):
        RootLock(folder)
    second.close()
    stale.close()


def test_a_moment_s_look_keeps_nobody_out(tmp_path: Path) -> None:
    folder = tmp_path / 'ds.recording'
    folder.mkdir()
    look = (folder / 'lock').open('a+')
    fcntl.flock(look, fcntl.LOCK_SH)
    threading.Timer(0.05, look.close).start()
    RootLock(folder).close()


@pytest.mark.parametrize('command', ['split', 'restamp', 'merge', 'recover'])
def test_a_target_inside_a_source_is_refused(
    tmp_path: Path, contract: Contract, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = record(tmp_path, contract, (3, 4))
    before, target = contents(root), str(root / 'videos' / 'new')
    words = {
        'split': ['split', str(root), target, '0'],
        'restamp': ['restamp', str(root), target],
        'merge': ['merge', target, str(root)],
    }
    done = edit(words[command]) if command in words else recover(['--foreign', str(root), target])
    assert done == 1
    assert 'lies inside' in capsys.readouterr().err
    assert contents(root) == before


def test_a_folder_of_the_user_s_is_not_purged(tmp_path: Path, contract: Contract) -> None:
    root = record(tmp_path, contract, (3,))
    mine = layout.recording_folder(root) / 'removed-mine'
    mine.mkdir(parents=True)
    (mine / 'note.txt').write_text('hi')
    assert edit(['purge', str(root)]) == 0
    assert (mine / 'note.txt').is_file()
