"""A disk that refuses at any call: what is saved stays, the next save works once there is room."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder_node.contract.contract import Contract
from recorder_node.dataset import layout, publish, steps, swap, tables
from recorder_node.dataset.consolidate import consolidate
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.writer import DatasetWriter, describe
from tests.conftest import small_contract
from tests.small_datasets import problems, record, sealed

MOST_CALLS = 200
Refusal = tuple[pytest.MonkeyPatch, Callable[[int], None]]


class Disk:
    """Every way in which a dataset reaches the disk; the n-th call is refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.refused_at = MOST_CALLS
        self.stays_full = False
        for owner, name in (
            (Path, 'mkdir'), (Path, 'replace'), (Path, 'write_bytes'), (Path, 'write_text'),
            (publish, 'fsync_path'), (steps, 'fsync_path'), (publish, 'write_groups'),
            (tables.pq, 'ParquetWriter'),
        ):  # fmt: skip
            monkeypatch.setattr(owner, name, self._guarded(getattr(owner, name)))

    def refuse(self, call: int, stays_full: bool) -> None:
        """Refuse the call with this number from now on, and perhaps all behind it."""
        self.calls, self.refused_at, self.stays_full = 0, call, stays_full

    def _guarded(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            number, self.calls = self.calls, self.calls + 1
            if number == self.refused_at or (self.stays_full and number > self.refused_at):
                raise OSError(errno.ENOSPC, 'No space left on device')
            return real(*args, **kwargs)

        return guarded


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A disk that refuses when told to."""
    yield Disk(monkeypatch)


@pytest.mark.parametrize('version', layout.VERSIONS)
@pytest.mark.parametrize('stays_full', [False, True])
def test_a_save_that_is_refused(
    tmp_path: Path, contract: Contract, disk: Disk, version: str, stays_full: bool
) -> None:
    writer = DatasetWriter(tmp_path / 'ds', describe(contract, 30, version), resume=False)
    writer.publish(sealed(tmp_path, contract, 3), {'rows': 3})
    refused = 0
    for call in range(MOST_CALLS):
        take = sealed(tmp_path, contract, 4 + call % 3)
        saved = writer.total_episodes
        before = [Dataset(writer.root).rows(e) for e in Dataset(writer.root).episodes]
        disk.refuse(call, stays_full)
        try:
            writer.publish(take, {'rows': take.rows})
        except OSError as error:
            assert error.errno == errno.ENOSPC
            refused += 1
        else:
            break
        finally:
            disk.refuse(MOST_CALLS, False)
        dataset = Dataset(writer.root)
        # A refused change that was logged already is completed by the next save.
        assert saved <= writer.total_episodes <= saved + 1
        assert all(
            dataset.rows(e).equals(rows) for e, rows in zip(dataset.episodes, before, strict=False)
        )
        # The take is still there, or its change is logged and the next save completes it.
        assert take.folder.is_dir() or publish.is_pending(writer.root)
        if not publish.is_pending(writer.root):
            shutil.rmtree(take.folder)
    assert refused > 20
    writer.publish(sealed(tmp_path, contract, 9), {'rows': 9})
    assert problems(writer.root) == []


@pytest.mark.parametrize('change', [consolidate, lambda root: edit(root, [0, 2])])
def test_other_changes_that_are_refused(
    tmp_path: Path, disk: Disk, change: Callable[[Path], object]
) -> None:
    whole = record(tmp_path / 'base', small_contract(), (3, 4, 5))
    completed = 0
    for call in range(MOST_CALLS):
        root = tmp_path / str(call) / 'ds'
        shutil.copytree(whole, root)
        disk.refuse(call, stays_full=True)
        try:
            change(root)
        except OSError:
            pass
        else:
            assert call > 10
            break
        finally:
            disk.refuse(MOST_CALLS, False)
        if publish.is_pending(root):
            publish.complete(root)
            completed += 1
        else:
            assert len(Dataset(root).episodes) == 3
        assert problems(root) == [], call
    assert completed > 3
    assert problems(root) == []


def edit(root: Path, indices: list[int]) -> None:
    swap.edit(root, indices, lambda done, total: None)
