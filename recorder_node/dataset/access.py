"""Who may touch a dataset: one writer holds a lock; a source is read without leaving a trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recorder_node.dataset import layout
from recorder_node.dataset.lock import RootLock, is_locked
from recorder_node.dataset.publish import complete, is_pending
from recorder_node.errors import DatasetError


@contextmanager
def writing(root: Path) -> Iterator[bool]:
    """Hold a dataset alone; give whether a change of this program that was cut is complete now.

    Raises:
        DatasetError: when another process holds it.
        OSError: when the folder beside it cannot be written.
    """
    lock = RootLock(layout.recording_folder(root))
    try:
        yield complete(root)
    finally:
        lock.close()


def check_readable(root: Path) -> None:
    """Refuse a source that somebody writes just now, or in which a change was cut.

    Raises:
        DatasetError: saying what to do first.
    """
    if is_locked(layout.recording_folder(root)):
        raise DatasetError(f'{root} is in use by another recorder; end its session first')
    if is_pending(root):
        raise DatasetError(
            f'{root}: a change was cut; complete it first: ros2 run recorder recover {root}'
        )


def check_target(target: Path, sources: Iterable[Path]) -> None:
    """Refuse a place for a new dataset that is taken, or inside a source.

    Raises:
        DatasetError: saying what is there.
        ConfigError: when it cannot be written.
    """
    for source in sources:
        if target == source:
            raise DatasetError(f'{target} is a source; the new dataset needs a folder of its own')
        if target.is_relative_to(source):
            raise DatasetError(f'{target} lies inside {source}, which is only read')
    if target.is_dir() and any(target.iterdir()):
        raise DatasetError(f'{target} exists and is not empty; choose another folder')
    layout.check_root(target, resume=False)
