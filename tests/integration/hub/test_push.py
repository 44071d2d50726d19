"""What arrives at the Hub, seen through the real client library."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from recorder_node.dataset import layout
from recorder_node.dataset.check import Checker
from recorder_node.errors import HubError
from recorder_node.hub import upload
from recorder_node.hub.upload import Progress
from tests.hub_server import Blob, HubServer
from tests.hub_uploads import NAME, assert_same, dataset, local_files, record, repository, send

STRANGER = 'videos/old/chunk-000/file-000.mp4'


@pytest.mark.parametrize('version', layout.VERSIONS)
def test_a_dataset_arrives_whole(hub: HubServer, tmp_path: Path, version: str) -> None:
    root = dataset(tmp_path, version)
    before = local_files(root)
    assert send(hub, root, private=True, tags=['tabletop']) == f'{hub.url}/datasets/{NAME}'
    files = repository(hub).files(version)
    text = files.pop('README.md').decode()
    assert '- tabletop\n' in text
    assert files == before == local_files(root)
    assert repository(hub).private
    assert repository(hub).tags == {version: repository(hub).head}
    assert repository(hub).messages[1:] == ['Upload 3 episodes, 120 frames']
    assert not layout.recording_folder(root).exists()
    for name, content in files.items():
        (tmp_path / 'back' / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / 'back' / name).write_bytes(content)
    assert Checker(tmp_path / 'back').run() == []


def test_pushed_again_nothing_is_sent_and_nothing_changes(hub: HubServer, root: Path) -> None:
    send(hub, root)
    revision, stored = repository(hub).head, list(hub.stored)
    hub.requests.clear()
    send(hub, root)
    assert (repository(hub).head, hub.stored) == (revision, stored)
    assert {'PUT', 'DELETE'}.isdisjoint(request.split()[0] for request in hub.requests)
    assert_same(hub, root)


def test_what_went_here_goes_there_and_only_the_new_is_sent(hub: HubServer, tmp_path: Path) -> None:
    root = tmp_path / 'ds'
    record(root, (4, 3))
    send(hub, root)
    old = repository(hub)
    tree = {**old.commits[-1][1], STRANGER: Blob(b'old', True), 'notes.txt': Blob(b'mine', False)}
    old.commit(tree, 'by hand')
    first = old.tags['v3.0']
    sent = len(hub.stored)
    record(root, (5,), resume=True)
    send(hub, root)
    files = old.files()
    assert STRANGER not in files
    assert files.pop('notes.txt') == b'mine'
    files.pop('README.md')
    assert files == local_files(root)
    assert old.tags == {'v3.0': old.head} != {'v3.0': first}
    # The new video and its stamps; the grown last files of data and episodes; not the old videos.
    new = [path for path in local_files(root) if path.endswith(('.parquet', '.mp4'))]
    assert 0 < len(hub.stored) - sent < len(new)


def test_images_hidden_temporary_files_and_an_old_card_stay_here(
    hub: HubServer, root: Path
) -> None:
    want = local_files(root)
    for name in (
        'images/front/frame.png',
        '.cache/x.json',
        'data/.hidden.parquet',
        'data/chunk-000/00001.part',
        'README.md',
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text('not for the Hub')
    send(hub, root, check=False)
    files = repository(hub).files()
    assert b'not for the Hub' not in files.pop('README.md')
    assert files == want
    assert (root / 'README.md').read_text() == 'not for the Hub'


def test_large_files_go_up_in_parts(hub: HubServer, root: Path) -> None:
    hub.part_size = 1500
    send(hub, root)
    assert any('/2' in request for request in hub.requests if request.startswith('PUT'))
    assert_same(hub, root)


def test_a_very_large_commit_is_divided_and_meta_goes_last(
    hub: HubServer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(hub, root)
    repository(hub).commit({STRANGER: Blob(b'old', True)}, 'something else')
    first = len(repository(hub).commits)
    monkeypatch.setattr(upload, 'COMMIT_FILES', 5)
    send(hub, root)
    *parts, last = repository(hub).commits[first:]
    assert parts
    for _, tree in parts:
        assert STRANGER in tree
        assert layout.INFO not in tree
    assert STRANGER not in last[1]
    assert_same(hub, root)


def test_progress_never_goes_back(hub: HubServer, root: Path) -> None:
    seen: list[Progress] = []
    send(hub, root, on_progress=seen.append)
    phases = list(dict.fromkeys(p.phase for p in seen))
    assert phases == [
        'reading', 'checking', 'connecting', 'comparing', 'uploading', 'committing', 'done',
    ]  # fmt: skip
    counts = [(p.files, p.bytes) for p in seen]
    assert counts == sorted(counts)
    assert (seen[-1].files, seen[-1].percent) == (seen[-1].files_total, 100.0)
    assert seen[-1].files_total == len(local_files(root)) + 1


def test_a_public_repository_is_refused_for_a_private_dataset(hub: HubServer, root: Path) -> None:
    send(hub, root)
    hub.stored.clear()
    with pytest.raises(HubError, match='is public'):
        send(hub, root, private=True)
    assert hub.stored == []


@pytest.mark.parametrize(
    ('version', 'python'),
    [
        (layout.V30, os.environ.get('LEROBOT_PYTHON')),
        (layout.V21, os.environ.get('LEROBOT_V21_PYTHON')),
    ],
)
def test_lerobot_loads_it_by_name(
    hub: HubServer, tmp_path: Path, version: str, python: str | None
) -> None:
    if not python:
        pytest.skip(f'no lerobot for {version}')
    send(hub, dataset(tmp_path, version))
    load = (
        'from lerobot.datasets.lerobot_dataset import LeRobotDataset\n'
        f"dataset = LeRobotDataset('{NAME}', video_backend='pyav')\n"
        'print(len(dataset), dataset[119]["task"])'
    )
    loaded = subprocess.run([python, '-c', load], capture_output=True, text=True, timeout=300)
    assert loaded.stdout.endswith('120 open the drawer\n'), loaded.stderr[-2000:]
