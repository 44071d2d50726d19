"""One writer per dataset: a lock file that the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from recorder_node.errors import DatasetError

NAME = 'lock'


class RootLock:
    """Held from construction to `close` by the process that writes a dataset.

    Args:
        folder: the recording folder beside the dataset; created, and removed again when empty.

    Raises:
        DatasetError: when another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / NAME).open('a+')
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip()
            self._file.close()
            raise DatasetError(
                f'{folder} is in use by another recorder (process {holder or "unknown"})'
            ) from None
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
