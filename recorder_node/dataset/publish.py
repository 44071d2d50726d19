"""Changes of a dataset on disk: prepared aside, made durable, logged, then carried out in order.

The log makes a change that was begun complete itself when the dataset is next opened: either
nothing of it is visible, or all of it will be. Between two renames a reader sees a dataset that
loads, because the caller gives the renames in an order that allows it.

The log alone proves that a file on disk is unfinished work of this program; nothing else is ever
mended. What a change takes out of a dataset is moved to `<root>.recording/removed-<time>/`.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from recorder_node.dataset import layout, steps
from recorder_node.dataset.steps import Step
from recorder_node.dataset.tables import write_groups
from recorder_node.episode.journal import fsync_path
from recorder_node.errors import DatasetError

_FORMAT = 3
NOTE = 'note.txt'


class Commit:
    """One change, used as a context; nothing is visible before `commit`.

    The staging folder lies beside the dataset, so that lerobot, which reads every `.parquet`
    below the dataset, never sees half a file.

    Args:
        root: the dataset's folder.
        reason: what the change is, for the note beside what it takes out.

    Raises:
        DatasetError: when an earlier change is not complete; see `complete`.
    """

    def __init__(self, root: Path, reason: str = '') -> None:
        self._root = root
        self._reason = reason
        self._log = layout.commit_log(root)
        self._folder = self._log.parent
        if is_pending(root):
            raise DatasetError(f'{root}: an earlier change is not complete yet')
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        # Names that no other change uses, so that a log never takes another's files for its own.
        self._name = secrets.token_hex(4)
        self._new: list[Path] = []
        self._steps: list[Step] = []
        self._last: list[Step] = []
        self._taken_out: list[str] = []
        self._kept: dict[str, Path] = {}

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
        self._new.append(source)
        self._steps.append(Step('rename', source, self._root / target))

    def folder(self, target: Path) -> Path:
        """Return a new folder to be filled by the caller, and to become `target`, absolute."""
        path = self.new(target)
        path.mkdir()
        return path

    def new(self, target: str | Path) -> Path:
        """Return the path of a new file to be written by the caller, and to become `target`."""
        path = self._folder / f'{self._name}-{len(self._steps):05d}.part'
        self.move(path, target)
        return path

    def append(self, target: str, line: str) -> None:
        """Append a line to a file once all else is done; twice, should a crash cut it."""
        self._last.append(Step('append', self._root / target, line))

    def take_out(self, target: str) -> None:
        """Move a file of the dataset to the folder of what was removed, after all renames.

        A file that is not there is left out.
        """
        if os.path.lexists(self._root / target):
            self._taken_out.append(target)

    def delete(self, path: Path) -> None:
        """Delete own work, such as a take that is in the dataset by now."""
        self._steps.append(Step('delete', path))

    def keep(self, target: str) -> None:
        """Keep what a file of the dataset holds before this change, where removed files go."""
        copy = self._folder / f'{self._name}-kept-{len(self._kept):05d}.part'
        link_or_copy((self._root / target).resolve(), copy)
        self._kept[target] = copy

    def commit(self) -> None:
        """Fsync every file, write the log, then carry it out step by step, each made durable.

        Raises:
            DatasetError: when a place cannot be written to; nothing has begun then.
            OSError: when the disk refuses. `is_pending` tells whether the change has begun; it
                is then carried out by `complete`.
        """
        todo = [*self._steps, *self._removed(), *self._last]
        todo += self._prunes(todo)
        steps.check(todo)
        for source in self._new:
            fsync_path(source)
        logged = [step.logged(self._root) for step in steps.identified(todo)]
        log = {'format': _FORMAT, 'steps': logged}
        part = self._log.with_suffix('.part')
        part.write_text(json.dumps(log), encoding='utf-8')
        fsync_path(part)
        fsync_path(self._folder)
        part.replace(self._log)
        fsync_path(self._folder)
        _carry_out(self._root, todo)

    def _removed(self) -> list[Step]:
        """Return the steps that move what is taken out, and a note that says what it was."""
        names = [*self._kept, *self._taken_out]
        if not names:
            return []
        stamp = time.strftime('%Y-%m-%d_%H-%M-%S')
        folder = layout.removed_folder(self._root, f'{stamp}_{self._name}')
        note = self._folder / f'{self._name}-{NOTE}'
        lines = [f'Taken out of {self._root} at {stamp}: {self._reason}', *names]
        note.write_text('\n'.join(lines) + '\n', encoding='utf-8')
        self._new += [note, *self._kept.values()]
        files = folder / 'files'
        kept = [Step('rename', copy, files / name) for name, copy in self._kept.items()]
        aside = [Step('aside', self._root / name, files / name) for name in self._taken_out]
        return [Step('rename', note, folder / NOTE), *kept, *aside]

    def _prunes(self, todo: Iterable[Step]) -> list[Step]:
        """Return the steps that remove the folders that were emptied, the deepest first."""
        folders = {
            folder
            for step in todo
            if step.kind in ('aside', 'delete') and step.path.is_relative_to(self._root)
            for folder in step.path.parents
            if folder.is_relative_to(self._root)
        }
        return [Step('prune', f) for f in sorted(folders, key=lambda f: -len(f.parts))]


def is_pending(root: Path) -> bool:
    """Tell whether a change has been logged and not completed."""
    return layout.commit_log(root).is_file()


def complete(root: Path) -> bool:
    """Carry out what is left of a logged change; return whether there was one.

    Raises:
        DatasetError: when the log is damaged, or is not this dataset's; it stays.
        OSError: when the disk refuses; the log stays.
    """
    if not is_pending(root):
        return False
    path = layout.commit_log(root)
    try:
        log = json.loads(path.read_text(encoding='utf-8'))
        if log['format'] != _FORMAT:
            raise ValueError(f'its format is {log["format"]!r}, not {_FORMAT}')
        todo = [Step.from_log(root, entry) for entry in log['steps']]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f'{path}, the log of a change that was cut, cannot be read: {error}; '
            'move it away if the dataset is as you want it'
        ) from error
    if foreign := [step.touched for step in todo if step.is_foreign(root)]:
        raise DatasetError(
            f'{root}: a change was cut, and {foreign[0]} is not what it was then: the dataset was '
            f'restored or changed since. To keep it as it is now, move {path.parent} away'
        )
    _carry_out(root, todo)
    return True


def _carry_out(root: Path, todo: Sequence[Step]) -> None:
    path = layout.commit_log(root)
    steps.carry_out(todo)
    path.unlink()
    # Should the log reappear after a power cut, nothing is left that it could move.
    shutil.rmtree(path.parent, ignore_errors=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Let a file be there a second time, without its bytes where the file system can do that."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        # Another file system, or one without hard links.
        shutil.copyfile(source, target)
