"""Files prepared aside, made durable, then renamed into the dataset in a written order."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from recorder_node.dataset.tables import write_groups
from recorder_node.journal import fsync_path


class Staging:
    """The files of one publication.

    Nothing is visible before `commit`. Names in the staging folder never clash and the folder
    lies beside the dataset, so that a rename stays within one file system and lerobot, which
    reads every `.parquet` below the dataset, never sees half a file.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._moves: list[tuple[Path, Path]] = []

    def parquet(self, target: str, groups: Sequence[pa.Table]) -> None:
        """Prepare a parquet file with one row group per table."""
        write_groups(self._new(target), groups)

    def json(self, target: str, content: Any) -> None:
        """Prepare a JSON file as lerobot writes it: indent 4, non-ASCII as it is."""
        text = json.dumps(content, indent=4, ensure_ascii=False)
        self._new(target).write_text(text, encoding='utf-8')

    def move(self, source: Path, target: str) -> None:
        """Take over a finished file that is already durable."""
        self._moves.append((source, self._root / target))

    def commit(self) -> None:
        """Fsync every file, then rename one after the other, each rename made durable."""
        for source, _ in self._moves:
            fsync_path(source)
        for source, target in self._moves:
            _make_folder(target.parent)
            source.replace(target)
            fsync_path(target.parent)
        shutil.rmtree(self._folder)

    def _new(self, target: str) -> Path:
        path = self._folder / f'{len(self._moves):03d}.part'
        self._moves.append((path, self._root / target))
        return path


def _make_folder(folder: Path) -> None:
    """Create a folder and make every new level durable."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir()
    fsync_path(folder.parent)
