"""The row journal of a running take, and the one thread that makes files durable.

A row is one fixed-size record that holds its own number, so a file cut anywhere, or grown by a
file system that did not come to write it, is good up to its last whole record.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder_node.contract.contract import Contract
from recorder_node.encoding.append_file import AppendFile

SYNC_PERIOD_S = 1.0


def record_dtype(contract: Contract, streams: Sequence[str]) -> np.dtype[Any]:
    """Return the record of one row: number from 1, features, task, stamp and arrival per stream.

    Texts and the task are numbers of lines in the take's texts.
    """
    features = [
        (f.name, 'int32' if f.is_text else f.dtype, f.shape)
        for f in contract.features
        if not f.is_picture
    ]
    fields: list[tuple[Any, ...]] = [('number', 'int32'), ('features', features), ('task', 'int32')]
    fields.append(('stamp_ns', 'int64', (len(streams),)))
    fields.append(('recv_ns', 'int64', (len(streams),)))
    return np.dtype(fields)


class RowJournal:
    """Rows appended to a file; `read` gives back every complete one."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self.rows = 0
        self._dtype = dtype
        self._file = AppendFile(path)

    def append(self, record: NDArray[np.void]) -> None:
        """Append one record, numbering it; durable after the next `sync`.

        Raises:
            OSError: when the disk refuses; the row is not there then.
        """
        record['number'] = self.rows + 1
        self._file.append(record.tobytes())
        self.rows += 1

    def sync(self) -> None:
        """Make the rows durable; nothing once closed."""
        self._file.sync()

    def close(self) -> None:
        """Sync and close; further calls do nothing."""
        try:
            self._file.sync()
        finally:
            self._file.close()


def read(path: Path, dtype: np.dtype[Any]) -> NDArray[np.void]:
    """Return the good records of a journal, shape `(rows,)`."""
    records = np.fromfile(path, dtype, path.stat().st_size // dtype.itemsize)
    wrong = np.flatnonzero(records['number'] != np.arange(1, len(records) + 1))
    return records[: wrong[0]] if len(wrong) else records


def fsync_path(path: Path) -> None:
    """Make a file or a folder durable.

    Raises:
        OSError: when it does not exist or the disk refuses.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Syncer:
    """Calls every registered `sync` once a second in a thread of its own.

    The first error of a sync goes to `on_error` and ends that entry: a disk that refuses is a
    fault of the take, not of the thread.
    """

    def __init__(self, on_error: Callable[[str], None], period_s: float = SYNC_PERIOD_S) -> None:
        self._on_error = on_error
        self._period_s = period_s
        self._entries: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name='journal sync', daemon=True)
        self._thread.start()

    def add(self, sync: Callable[[], None]) -> None:
        """Register a sync function."""
        with self._lock:
            self._entries.append(sync)

    def remove(self, sync: Callable[[], None]) -> None:
        """Forget a sync function; unknown ones are ignored."""
        with self._lock, contextlib.suppress(ValueError):
            self._entries.remove(sync)

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._period_s):
            with self._lock:
                entries = list(self._entries)
            for sync in entries:
                try:
                    sync()
                except (OSError, ValueError) as error:
                    self.remove(sync)
                    self._on_error(f'cannot write to disk: {error}')
