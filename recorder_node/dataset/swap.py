"""Lets a dataset consist of other episodes: files of a verified copy take the place of its own.

The root folder stays the same one, and so does everything in it that is not the dataset's. While
files are exchanged info.json says so, and no reader takes the mixture for a dataset.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from recorder_node.dataset import layout
from recorder_node.dataset.belongings import other_meta_files, own_files
from recorder_node.dataset.compose import compose, parts_of
from recorder_node.dataset.publish import Commit, is_pending, link_or_copy
from recorder_node.dataset.reader import Dataset
from recorder_node.episode.journal import fsync_path
from recorder_node.errors import DatasetError

_EDITED = 'edited'
_MIB = 2**20


def edit(
    root: Path,
    indices: Sequence[int],
    progress: Callable[[int, int], None],
    keep_old: bool = True,
) -> Path | None:
    """Let a dataset consist of these of its episodes, in this order.

    The new one is written and verified beside it; then its files take the places of the old ones
    by a logged change, which completes itself when cut.

    Args:
        root: the dataset's folder.
        indices: the episodes to have, in their new order.
        progress: called with the episodes done and wanted.
        keep_old: keep the dataset as it was, beside it.

    Returns:
        where the dataset as it was lies now.

    Raises:
        DatasetError, OSError: as `compose`; the dataset is as it was.
    """
    if is_pending(root):
        raise DatasetError(f'{root}: an earlier change is not complete yet')
    edited = layout.recording_folder(root) / _EDITED
    for left in (edited, layout.recording_folder(edited)):
        shutil.rmtree(left, ignore_errors=True)
    try:
        compose(edited, parts_of(Dataset(root), indices), progress=progress)
        return _swap(root, edited, keep_old)
    finally:
        # Once logged, the files of the copy are those that the change still has to move.
        if not is_pending(root):
            shutil.rmtree(edited, ignore_errors=True)


def _swap(root: Path, edited: Path, keep_old: bool) -> Path | None:
    before, after = own_files(Dataset(root)), own_files(Dataset(edited))
    old = layout.old_folder(root) if keep_old else None
    with Commit(root) as commit:
        if old is not None:
            _clone(root, [*before, *other_meta_files(root, before)], commit.folder(old))
        note = f'being edited; ros2 run recorder recover {root} completes it'
        commit.data(layout.INFO, json.dumps({'note': note}).encode())
        for name in after:
            if name != layout.INFO:
                commit.move(edited / name, name)
        for name in sorted(set(before) - set(after)):
            commit.delete(root / name)
        commit.move(edited / layout.INFO, layout.INFO)
        commit.delete(edited)
        commit.commit()
    return old


def _clone(root: Path, names: Sequence[str], target: Path) -> None:
    """Fill a folder with links to files, or with copies where the file system has no links.

    Raises:
        DatasetError: when copies are needed and the disk has no room for them.
    """
    if root.stat().st_dev != target.stat().st_dev:
        need = sum((root / name).stat().st_size for name in names)
        if need > shutil.disk_usage(target).free:
            raise DatasetError(
                f'{target.parent} has no room for the dataset as it was ({need // _MIB} MiB); '
                'make room, or give --no-old'
            )
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        # Through links: a relative one would lead elsewhere from its new place.
        link_or_copy((root / name).resolve(), target / name)
    for folder, _, files in os.walk(target):
        for name in files:
            fsync_path(Path(folder, name))
        fsync_path(Path(folder))
