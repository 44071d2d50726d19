"""Changes of a dataset on disk: prepared aside, made durable, logged, then renamed in order.

The log makes a change that was begun complete itself when the dataset is next opened: either
nothing of it is visible, or all of it will be. Between two renames a reader sees a dataset that
loads, because the caller gives the renames in an order that allows it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from recorder_node.dataset import layout
from recorder_node.dataset.tables import write_groups
from recorder_node.errors import DatasetError
from recorder_node.journal import fsync_path


class Commit:
    """One change, used as a context; nothing is visible before `commit`.

    The staging folder lies beside the dataset, so that a rename stays within one file system and
    lerobot, which reads every `.parquet` below the dataset, never sees half a file.

    Args:
        root: the dataset's folder.

    Raises:
        DatasetError: when an earlier change is not complete; see `complete`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._log = layout.commit_log(root)
        self._folder = self._log.parent
        if is_pending(root):
            raise DatasetError(f'{root}: an earlier change is not complete yet')
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        # Names that no other change uses, so that a log never takes another's files for its own.
        self._name = secrets.token_hex(4)
        self._moves: list[tuple[Path, Path]] = []
        self._removes: list[Path] = []
        self._appends: list[tuple[Path, str]] = []

    def __enter__(self) -> Commit:
        return self

    def __exit__(self, *_: object) -> None:
        """Throw away what was prepared, unless it is logged and so has to be completed."""
        if not is_pending(self._root):
            shutil.rmtree(self._folder, ignore_errors=True)

    def parquet(self, target: str, groups: Iterable[pa.Table]) -> Path:
        """Prepare a parquet file with one row group per table; return where it is prepared."""
        path = self.new(target)
        write_groups(path, groups)
        return path

    def json(self, target: str, content: Any) -> None:
        """Prepare a JSON file as lerobot writes it: indent 4, non-ASCII as it is."""
        self.data(target, json.dumps(content, indent=4, ensure_ascii=False).encode())

    def data(self, target: str, content: bytes) -> None:
        """Prepare a file with this content."""
        self.new(target).write_bytes(content)

    def move(self, source: Path, target: str | Path) -> None:
        """Take over a finished file or folder; `target` within the root, or absolute."""
        self._moves.append((source, self._root / target))

    def new(self, target: str) -> Path:
        """Return the path of a new file to be written by the caller, and to become `target`."""
        path = self._folder / f'{self._name}-{len(self._moves):05d}.part'
        self._moves.append((path, self._root / target))
        return path

    def append(self, target: str, line: str) -> None:
        """Append a line to a file once all renames are done; twice, should a crash cut it."""
        self._appends.append((self._root / target, line))

    def remove(self, path: Path) -> None:
        """Delete a file or folder, beside or inside the dataset, once all renames are done."""
        self._removes.append(path)

    def commit(self) -> None:
        """Fsync every file, write the log, then rename one after the other, each made durable.

        Raises:
            OSError: when the disk refuses. `is_pending` tells whether the change has begun; it
                is then carried out by `complete`.
        """
        for source, _ in self._moves:
            fsync_path(source)
        base = self._root.parent
        log = {
            'moves': [[os.path.relpath(path, base) for path in move] for move in self._moves],
            'appends': [[os.path.relpath(path, base), line] for path, line in self._appends],
            'removes': [os.path.relpath(path, base) for path in self._removes],
        }
        part = self._log.with_suffix('.part')
        part.write_text(json.dumps(log), encoding='utf-8')
        fsync_path(part)
        fsync_path(self._folder)
        part.replace(self._log)
        fsync_path(self._folder)
        complete(self._root)


def is_pending(root: Path) -> bool:
    """Tell whether a change has been logged and not completed."""
    return layout.commit_log(root).is_file()


def complete(root: Path) -> bool:
    """Carry out what is left of a logged change; return whether there was one.

    Raises:
        OSError: when the disk refuses; the log stays.
    """
    if not is_pending(root):
        return False
    path, base = layout.commit_log(root), root.parent
    log = json.loads(path.read_text(encoding='utf-8'))
    for source, target in ((base / a, base / b) for a, b in log['moves']):
        # Of a file, the source tells: it is gone once renamed. A folder is never replaced.
        if not source.exists() or target.is_dir():
            continue
        _make_folder(target.parent)
        source.replace(target)
        fsync_path(target.parent)
    for text, line in log['appends']:
        _append(base / text, line)
    for text in log['removes']:
        _remove(base / text)
    path.unlink()
    # Should the log reappear after a power cut, nothing is left that it could move.
    shutil.rmtree(path.parent, ignore_errors=True)
    return True


def _append(path: Path, line: str) -> None:
    _make_folder(path.parent)
    with path.open('ab+') as file:
        # What an earlier attempt wrote in part is closed by an end of line.
        torn = file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b'\n'
        file.write(b'\n' * bool(torn) + line.encode() + b'\n')
    fsync_path(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """Create a folder and make every new level durable."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir()
    fsync_path(folder.parent)
