"""A frame queue that never drops: what does not fit into memory goes to a file, in order.

Full-queue rule: up to `memory_frames` wait in memory; beyond that frames are appended to the
spill file until it has been read empty again. `put` therefore never blocks for the encoder.
"""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

from recorder_node.encoding.append_file import AppendFile
from recorder_node.streams.pictures import Picture


class SpillQueue:
    """A FIFO of pictures between the sampler and one encoder; None marks the end."""

    def __init__(self, path: Path, memory_frames: int) -> None:
        self._path = path
        self._memory_frames = memory_frames
        self._ready = threading.Condition()
        self._memory: deque[Picture] = deque()
        self._file: AppendFile | None = None
        # The pictures in the file, with the offset and length of their pixels instead of those.
        self._spilled: deque[tuple[Picture, int, int]] = deque()
        self._closed = False
        self.spilled_frames = 0
        self.spilled_bytes = 0

    def put(self, picture: Picture) -> None:
        """Append a picture.

        Raises:
            OSError: when the spill file cannot be written (disk full); the picture is not queued.
        """
        with self._ready:
            if self._spilled or len(self._memory) >= self._memory_frames:
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
        """Take the oldest picture, waiting for one; None when closed and empty.

        Raises:
            OSError: when the spill file cannot be read.
        """
        with self._ready:
            while not self._memory and not self._spilled and not self._closed:
                self._ready.wait()
            if self._memory:
                return self._memory.popleft()
            return self._unspill() if self._spilled else None

    def __len__(self) -> int:
        with self._ready:
            return len(self._memory) + len(self._spilled)

    def remove(self) -> None:
        """Forget what waits and delete the spill file."""
        with self._ready:
            self._memory.clear()
            self._spilled.clear()
            if self._file is not None:
                self._file.close()
                self._file = None
                self._path.unlink(missing_ok=True)

    def _spill(self, picture: Picture) -> None:
        if self._file is None:
            self._file = AppendFile(self._path)
        offset = self._file.append(picture.data)
        length = self._file.size - offset
        self._spilled.append((picture._replace(data=None), offset, length))
        self.spilled_frames += 1
        self.spilled_bytes += length

    def _unspill(self) -> Picture:
        assert self._file is not None
        picture, offset, length = self._spilled.popleft()
        data = self._file.read(offset, length)
        if len(data) != length:
            raise OSError(f'{self._path}: {len(data)} of {length} bytes of a frame can be read')
        if not self._spilled:
            self._file.clear()
        return picture._replace(data=data)
