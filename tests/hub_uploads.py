"""Uploads to the Hub on loopback, and what to compare afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

from recorder_node.dataset import layout
from recorder_node.hub.failures import Patience
from recorder_node.hub.upload import push
from tests import small_datasets
from tests.conftest import REPOSITORY, small_contract
from tests.hub_server import HubServer, Repository

REFERENCES = REPOSITORY / 'tests/data/lerobot'
NAME = 'me/cubes'
QUICK = Patience(tries=3, first_wait_s=0.01, longest_wait_s=2.0, answer_s=20.0)


def dataset(tmp_path: Path, version: str) -> Path:
    """Copy a dataset of three episodes that lerobot wrote, with something of ours in it."""
    root = Path(shutil.copytree(REFERENCES / version, tmp_path / 'ds'))
    reports = root / layout.REPORTS
    reports.parent.mkdir()
    reports.write_text('{"episode_index": 0}\n')
    return root


def record(root: Path, episodes: tuple[int, ...], resume: bool = False) -> None:
    """Add episodes to a dataset of the recorder's own."""
    assert root.name == 'ds'
    small_datasets.record(root.parent, small_contract(), episodes, resume=resume)


def send(hub: HubServer, root: Path, patience: Patience = QUICK, **options: object) -> str:
    """Push with little patience."""
    return push(root, NAME, endpoint=hub.url, patience=patience, **options)  # type: ignore[arg-type]


def local_files(root: Path) -> dict[str, bytes]:
    """Return the files of a dataset by name."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob('*')
        if path.is_file()
    }


def repository(hub: HubServer) -> Repository:
    """Return the repository that tests push to."""
    return hub.repositories[NAME]


def assert_same(hub: HubServer, root: Path) -> None:
    """The repository holds the dataset byte for byte, and the card; the tag is at it."""
    files = repository(hub).files()
    assert b'me/cubes' in files.pop('README.md')
    assert files == local_files(root)
    assert repository(hub).tags == {'v3.0': repository(hub).head}
    assert not layout.recording_folder(root).exists()
