"""One writer per dataset: a lock file that the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import TextIO

from recorder_node.errors import DatasetError

NAME = 'lock'
# Whoever only looks holds the lock for a moment.
_PATIENCE_S = 0.3


class RootLock:
    """Held from construction to `close` by the process that writes a dataset.

    Args:
        folder: the recording folder beside the dataset; created, and removed again when empty.

    Raises:
        DatasetError: when another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        end = time.monotonic() + _PATIENCE_S
        while (file := _try(folder)) is None:
            if time.monotonic() > end:
                raise DatasetError(f'{folder} is in use by another recorder ({_holder(folder)})')
            time.sleep(_PATIENCE_S / 10)
        self._file = file
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def close(self) -> None:
        """Release it; further calls do nothing."""
        if self._file.closed:
            return
        (self._folder / NAME).unlink(missing_ok=True)
        self._file.close()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()


def _try(folder: Path) -> TextIO | None:
    """Return the lock file, locked; None when another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / NAME).open('a+')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its last holder may have removed the file that was opened here.
        if os.fstat(file.fileno()).st_ino == (folder / NAME).stat().st_ino:
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    file.close()
    return None


def _holder(folder: Path) -> str:
    try:
        return f'process {(folder / NAME).read_text().strip() or "unknown"}'
    except OSError:
        return 'process unknown'


def is_locked(folder: Path) -> bool:
    """Tell whether a process writes the dataset; nothing is created or changed.

    Args:
        folder: the recording folder beside the dataset.
    """
    try:
        with (folder / NAME).open('r') as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        # No such file, or one that cannot be locked: nobody who writes here has it.
        return False
    return False
