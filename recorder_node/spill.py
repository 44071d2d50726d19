"""A frame queue that never drops: what does not fit into memory goes to a file, in order.

Full-queue rule: up to `memory_frames` wait in memory; beyond that frames are appended to the
spill file until it has been read empty again. `put` therefore never blocks for the encoder.
"""

from __future__ import annotations

import pickle
import threading
from collections import deque
from pathlib import Path
from typing import BinaryIO

from recorder_node.messages import Picture


class SpillQueue:
    """A FIFO of pictures between the sampler and one encoder; None marks the end."""

    def __init__(self, path: Path, memory_frames: int) -> None:
        self._path = path
        self._memory_frames = memory_frames
        self._ready = threading.Condition()
        self._memory: deque[Picture] = deque()
        self._file: BinaryIO | None = None
        self._in_file = 0
        self._read_at = 0
        self._closed = False
        self.spilled_frames = 0
        self.spilled_bytes = 0

    def put(self, picture: Picture) -> None:
        """Append a picture.

        Raises:
            OSError: when the spill file cannot be written (disk full).
        """
        with self._ready:
            if self._in_file or len(self._memory) >= self._memory_frames:
                self._spill(picture)
            else:
                self._memory.append(picture)
            self._ready.notify()

    def close(self) -> None:
        """Say that nothing follows; `get` returns None once everything is taken."""
        with self._ready:
            self._closed = True
            self._ready.notify()

    def get(self) -> Picture | None:
        """Take the oldest picture, waiting for one; None when closed and empty."""
        with self._ready:
            while not self._memory and not self._in_file and not self._closed:
                self._ready.wait()
            if self._memory:
                return self._memory.popleft()
            return self._unspill() if self._in_file else None

    def __len__(self) -> int:
        with self._ready:
            return len(self._memory) + self._in_file

    def remove(self) -> None:
        """Delete the spill file."""
        with self._ready:
            if self._file is not None:
                self._file.close()
                self._file = None
                self._path.unlink(missing_ok=True)

    def _spill(self, picture: Picture) -> None:
        if self._file is None:
            self._file = self._path.open('w+b')
        self._file.seek(0, 2)
        start = self._file.tell()
        # A pickle of our own data in our own temporary file; it is never read by another run.
        pickle.dump(picture._replace(data=bytes(picture.data)), self._file, protocol=5)
        self._in_file += 1
        self.spilled_frames += 1
        self.spilled_bytes += self._file.tell() - start

    def _unspill(self) -> Picture:
        assert self._file is not None
        self._file.seek(self._read_at)
        picture: Picture = pickle.load(self._file)
        self._read_at = self._file.tell()
        self._in_file -= 1
        if not self._in_file:
            self._file.truncate(0)
            self._read_at = 0
        return picture
