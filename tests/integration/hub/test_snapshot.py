"""A dataset stands still while it goes up, and a damaged one stays here."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from recorder_node.dataset import layout
from recorder_node.dataset.lock import RootLock
from recorder_node.errors import HubError
from recorder_node.hub import snapshot
from recorder_node.hub.upload import Progress
from tests.hub_server import HubServer
from tests.hub_uploads import assert_same, local_files, record, repository, send


def test_the_session_may_save_an_episode_while_its_dataset_goes_up(
    hub: HubServer, tmp_path: Path
) -> None:
    root = tmp_path / 'ds'
    record(root, (4, 3))
    want = local_files(root)
    saved: list[str] = []

    def save_once(progress: Progress) -> None:
        if progress.phase == 'uploading' and not saved:
            saved.append(progress.phase)
            record(root, (6,), resume=True)

    send(hub, root, on_progress=save_once)
    assert saved
    assert local_files(root) != want
    files = repository(hub).files()
    files.pop('README.md')
    assert files == want
    send(hub, root)
    files = repository(hub).files()
    files.pop('README.md')
    assert files == local_files(root)


def test_without_hard_links_files_are_copied(
    hub: HubServer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, 'Invalid cross-device link')

    monkeypatch.setattr(os, 'link', refuse)
    send(hub, root)
    assert_same(hub, root)


def test_a_publication_under_way_is_waited_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info, aside = root / layout.INFO, root.parent / 'info.json'
    text = info.read_text()
    info.write_text(text.replace('"total_episodes": 3', '"total_episodes": 1'))
    aside.write_text(text)
    monkeypatch.setattr(snapshot.time, 'sleep', lambda s: aside.replace(info))
    with snapshot.Snapshot(root) as frozen:
        assert frozen.info['total_episodes'] == 3
        assert not aside.exists()


@pytest.mark.parametrize('name', [layout.INFO, layout.TASKS, 'data', 'videos'])
def test_a_damaged_dataset_stays_here(
    hub: HubServer, root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(snapshot, '_SETTLE_S', 0.0)
    victim = root / name
    if victim.is_dir():
        shutil.rmtree(victim)
    else:
        victim.unlink()
    with pytest.raises(HubError, match=r'cannot be uploaded as it is|is not a dataset'):
        send(hub, root, check=False)
    assert hub.requests == []
    assert not layout.recording_folder(root).exists()


def test_damage_that_only_the_check_sees_is_refused_unless_it_is_skipped(
    hub: HubServer, root: Path
) -> None:
    stats = root / layout.STATS
    stats.write_text(stats.read_text().replace('"count"', '"counted"'))
    with pytest.raises(HubError, match=r'damaged(.|\n)*stats'):
        send(hub, root)
    assert hub.requests == []
    send(hub, root, check=False)
    assert_same(hub, root)


def test_two_uploads_of_one_dataset_do_not_meet(hub: HubServer, root: Path) -> None:
    lock = RootLock(layout.recording_folder(root) / snapshot.FOLDER)
    try:
        with pytest.raises(HubError, match='another process'):
            send(hub, root)
    finally:
        lock.close()
