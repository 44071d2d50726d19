"""A file that only grows, by whole records: one that does not fit on the disk is taken back."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any


class AppendFile:
    """Records appended to a new file; not buffered, so a process that is killed loses none.

    Raises:
        OSError: when the file exists or the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._lock = threading.Lock()
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)

    def append(self, *parts: Any) -> int:
        """Append the parts as one record and return its offset (bytes).

        Raises:
            OSError: when the disk refuses; the file is as before.
        """
        with self._lock:
            begin = at = self.size
            try:
                for part in parts:
                    at = self._write(memoryview(part).cast('B'), at)
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(self._open(), begin)
                raise
            self.size = at
            return begin

    def read(self, offset: int, length: int) -> bytes:
        """Return a part of what was appended."""
        with self._lock:
            return os.pread(self._open(), length, offset)

    def clear(self) -> None:
        """Forget everything, giving the space back."""
        with self._lock:
            os.truncate(self._open(), 0)
            self.size = 0

    def sync(self) -> None:
        """Make durable what was appended so far; nothing once closed.

        Raises:
            OSError: when the disk refuses.
        """
        with self._lock:
            if self._descriptor is None:
                return
            # A descriptor of its own, so that appending need not wait for the disk.
            descriptor = os.dup(self._descriptor)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Close; further calls do nothing."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _write(self, data: memoryview, at: int) -> int:
        while data:
            written = os.pwrite(self._open(), data, at)
            at, data = at + written, data[written:]
        return at

    def _open(self) -> int:
        if self._descriptor is None:
            raise ValueError(f'{self.path} is closed')
        return self._descriptor
