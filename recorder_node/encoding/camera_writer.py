"""The thread that stores one camera of one take, whatever into: queue, statistics, failure."""

from __future__ import annotations

import abc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from recorder_node.contract.contract import Feature
from recorder_node.encoding.background import be_nice
from recorder_node.encoding.depth_stats import DepthStats
from recorder_node.encoding.spill import SpillQueue
from recorder_node.encoding.stats import PictureStats, Stats
from recorder_node.errors import EncodeError, StreamError
from recorder_node.streams.coded_pictures import decoded
from recorder_node.streams.pictures import Picture

_QUEUE_FRAMES = 30
# In a row; a camera that sends only damaged pictures has failed.
_MOST_DAMAGED = 30


class CameraWriter(abc.ABC):
    """Stores frames in a thread of its own, in order, without dropping any.

    Args:
        path: the growing file.
        feature: the camera.
    """

    def __init__(self, path: Path, feature: Feature) -> None:
        self.path = path
        self.feature = feature
        self.frames = 0
        # Pictures that did not decode, in whose place their neighbours were stored, and why.
        self.damaged = 0
        self.damage = ''
        self._seen = frame_stats(feature)
        self._error: Exception | None = None
        self.queue = SpillQueue(path.with_suffix('.spill'), _QUEUE_FRAMES)
        self._thread = threading.Thread(target=self._run, name=f'encode {path.stem}', daemon=True)
        self._thread.start()

    def add(self, picture: Picture) -> None:
        """Queue one frame.

        Raises:
            EncodeError: when storing failed earlier.
            OSError: when a frame that must be spilled cannot be written.
        """
        self._check()
        self.queue.put(picture)

    def close(self) -> None:
        """Store what is queued and close the file.

        Raises:
            EncodeError: when any frame could not be stored.
        """
        self.abort(drop=False)
        self._check()

    def abort(self, drop: bool = True) -> None:
        """End the thread; with `drop` without what is still queued."""
        if drop:
            self.queue.remove()
        self.queue.close()
        self._thread.join()
        self.queue.remove()

    def sync(self) -> None:
        """Make durable what reached the file.

        Raises:
            OSError: when the disk refuses.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:  # the thread is about to create it
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @property
    def stats(self) -> Stats:
        """The statistics of the frames stored; there must be one."""
        return self._seen.result()

    @property
    def longest_still(self) -> int:
        """The longest run of frames whose sampled pixels are all equal."""
        return self._seen.longest_still

    @abc.abstractmethod
    def _store(self, pictures: Iterator[Picture]) -> None:
        """Store frames until there are no more, counting them in `frames`."""

    def _run(self) -> None:
        be_nice()
        try:
            self._store(self._decoded(iter(self.queue.get, None)))
        except Exception as error:  # handed to the next add() or to close()
            self._error = error
            # Whatever waits is lost; its space may be what the rest of the take needs.
            self.queue.remove()

    def _decoded(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """Decode coded pictures; one that is damaged is the one before, at the beginning the next.

        Raises:
            EncodeError: when too many in a row are damaged.
        """
        held: Picture | None = None
        damaged = 0
        for picture in pictures:
            try:
                good = decoded(picture)
            except StreamError as error:
                self.damaged += 1
                self.damage = str(error)
                damaged += 1
                if damaged > _MOST_DAMAGED:
                    raise EncodeError(f'frame {self.frames}: {error}') from error
                if held is not None:
                    yield held
                continue
            if held is None:
                yield from [good] * damaged
            damaged, held = 0, good
            yield good
        if damaged and held is None:
            raise EncodeError(f'frame {self.frames}: {self.damage}')

    def _check(self) -> None:
        if self._error is not None:
            reason = getattr(self._error, 'strerror', None) or str(self._error)
            raise EncodeError(f'{self.path.name}: {reason}') from self._error


def frame_stats(feature: Feature) -> PictureStats | DepthStats:
    """Return empty statistics for a camera's frames."""
    height, width = feature.shape[:2]
    if feature.depth is not None:
        return DepthStats(height, width, feature.depth.unit)
    return PictureStats(height, width)
