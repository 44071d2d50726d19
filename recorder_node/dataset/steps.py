"""The steps of a logged change: each can be carried out again after a cut at any moment."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from recorder_node.dataset import layout
from recorder_node.episode.journal import fsync_path
from recorder_node.errors import DatasetError

_OR = '|'


class Step(NamedTuple):
    """One change of the disk.

    | kind | does |
    |---|---|
    | rename | `path`, if it is still there, takes the place of the file `to` |
    | aside | `path` goes to `to`, unless `to` is there already |
    | append | the line `to` is added to the file `path` |
    | delete | the file or folder `path` is removed |
    | prune | the folder `path` is removed if it is empty |

    `was` tells the file that the step replaces or takes away from any other: what it was before the
    change, or what an earlier step makes of it.
    """

    kind: str
    path: Path
    to: Path | str = ''
    was: str = ''

    @property
    def touched(self) -> Path:
        """What is replaced or taken away."""
        return self.to if self.kind == 'rename' and isinstance(self.to, Path) else self.path

    def logged(self, root: Path) -> list[str]:
        """Return the step for a log; its paths hold also when the dataset is moved."""
        to = _to_log(root, self.to) if isinstance(self.to, Path) else self.to
        return [self.kind, _to_log(root, self.path), to, self.was]

    @staticmethod
    def from_log(root: Path, entry: Any) -> Step:
        """Return a step of a log.

        Raises:
            ValueError: when it is none, or leads out of the dataset and the folders beside it.
        """
        kind, path, to, was = entry
        if kind not in _DO or not all(isinstance(text, str) for text in entry):
            raise ValueError(f'{entry!r} is no step')
        moves = kind in ('rename', 'aside')
        step = Step(kind, _from_log(root, path), _from_log(root, to) if moves else to, was)
        if step.touched == root and kind != 'prune':
            raise ValueError('it names the dataset as a whole')
        return step

    def is_foreign(self, root: Path) -> bool:
        """Tell whether a file that is still to be replaced or taken away is not what it was."""
        if self.kind not in ('rename', 'aside', 'delete') or not self.touched.is_relative_to(root):
            return False
        if self.kind == 'rename' and not os.path.lexists(self.path):
            return False
        there = _identity(self.touched)
        return bool(there) and there not in self.was.split(_OR)


def identified(todo: Sequence[Step]) -> list[Step]:
    """Return steps that know the files they are about to touch."""
    known: dict[Path, set[str]] = {}
    for step in todo:
        known.setdefault(step.touched, {_identity(step.touched)})
    for step in todo:
        if step.kind == 'rename':
            known[step.touched].add(_identity(step.path))
    return [step._replace(was=_OR.join(sorted(known[step.touched] - {''}))) for step in todo]


def _identity(path: Path) -> str:
    """Return what tells a file from another version of it; '' for folders and what is not there."""
    try:
        status = path.lstat()
    except OSError:
        return ''
    return '' if stat.S_ISDIR(status.st_mode) else f'{status.st_size}:{status.st_mtime_ns}'


def _places(root: Path) -> dict[str, Path]:
    return {'root': root, 'beside': layout.recording_folder(root)}


def _to_log(root: Path, path: Path) -> str:
    for name, place in _places(root).items():
        if path.is_relative_to(place):
            return f'{name}:{path.relative_to(place).as_posix()}'
    if path.parent == root.parent and (suffix := layout.old_suffix(root, path.name)):
        return f'old:{suffix}'
    raise ValueError(f'{path} is neither in {root} nor beside it')


def _from_log(root: Path, text: str) -> Path:
    name, _, relative = text.partition(':')
    if name == 'old' and layout.old_suffix(root, root.name + relative):
        return root.with_name(root.name + relative)
    if name not in _places(root) or '..' in Path(relative).parts or relative.startswith('/'):
        raise ValueError(f'it names {text!r}')
    return _places(root)[name] / relative


def check(todo: Iterable[Step]) -> None:
    """Refuse a change that could not be carried out to its end.

    Raises:
        DatasetError: naming a place that cannot be written to, or a file that is a mount point.
    """
    folders = set()
    for step in todo:
        target = step.to if isinstance(step.to, Path) else step.path
        if step.kind == 'rename' and step.path.is_file() and target.is_dir():
            raise DatasetError(f'{target} is a folder where a file belongs; nothing was changed')
        if os.path.ismount(target) and not target.is_dir():
            raise DatasetError(f'{target} is a mount point of its own and cannot be replaced')
        folders.add(target.parent)
        if step.kind == 'aside':
            folders.add(step.path.parent)
    for folder in folders:
        there = folder
        while not there.exists():
            there = there.parent
        if not os.access(there, os.W_OK | os.X_OK):
            raise DatasetError(f'{there} cannot be written to; nothing was changed')


def carry_out(todo: Sequence[Step]) -> None:
    """Do every step, each durable before one in another folder begins.

    Raises:
        OSError: when the disk refuses; doing all steps again goes on where it stopped.
    """
    touched: Path | None = None
    for step in todo:
        folder = step.to.parent if isinstance(step.to, Path) else step.path.parent
        if touched is not None and touched != folder:
            fsync_path(touched)
        touched = None
        if _DO[step.kind](step):
            touched = folder
    if touched is not None:
        fsync_path(touched)


def _rename(step: Step) -> bool:
    assert isinstance(step.to, Path)
    # Of a file, the source tells: it is gone once renamed. A folder is never replaced.
    if not os.path.lexists(step.path) or (step.to.is_dir() and not step.to.is_symlink()):
        return False
    make_folder(step.to.parent)
    _replace(step.path, step.to)
    return True


def _replace(source: Path, target: Path) -> None:
    """Rename; to another file system: copy under a name that no reader takes, then rename."""
    try:
        source.replace(target)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    part = target.with_name(f'.{source.name}.part')
    if source.is_dir():
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part, symlinks=True)
        for path in (p for p in part.rglob('*') if not p.is_symlink()):
            fsync_path(path)
    else:
        shutil.copy2(source, part)
    fsync_path(part)
    part.replace(target)
    fsync_path(target.parent)
    _remove(source)


def _aside(step: Step) -> bool:
    assert isinstance(step.to, Path)
    if os.path.lexists(step.to) or not os.path.lexists(step.path):
        return False
    make_folder(step.to.parent)
    if step.path.is_symlink():
        # A relative link would lead elsewhere from its new place.
        step.to.symlink_to(step.path.resolve())
        step.path.unlink()
    else:
        _replace(step.path, step.to)
    fsync_path(step.path.parent)
    return True


def _append(step: Step) -> bool:
    make_folder(step.path.parent)
    _make_own(step.path)
    with step.path.open('ab+') as file:
        # What an earlier attempt wrote in part is closed by an end of line.
        torn = file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b'\n'
        file.write(b'\n' * bool(torn) + str(step.to).encode() + b'\n')
    fsync_path(step.path)
    return True


def _make_own(path: Path) -> None:
    """Give a file that others see too, through a link, a copy of its own to grow in."""
    if path.is_symlink() or (path.exists() and path.stat().st_nlink > 1):
        part = path.with_name(f'.{path.name}.part')
        shutil.copy2(path, part)
        fsync_path(part)
        part.replace(path)


def _delete(step: Step) -> bool:
    _remove(step.path)
    return False


def _prune(step: Step) -> bool:
    # Not empty, gone, or a mount point: it stays as it is.
    with contextlib.suppress(OSError):
        step.path.rmdir()
    return False


_DO = {
    'rename': _rename,
    'aside': _aside,
    'append': _append,
    'delete': _delete,
    'prune': _prune,
}


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Create a folder and make every new level durable."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir()
    fsync_path(folder.parent)
