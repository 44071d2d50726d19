"""One opening of a source: a thread that grabs, and the few pictures that wait for their reader."""

from __future__ import annotations

import threading
from collections import deque

from so101_driver.cameras.frame import DamagedError, Frame
from so101_driver.cameras.health import Health
from so101_driver.cameras.source import CameraSource
from so101_driver.common.pacing import Grid

_WAITING = 3  # pictures; when their reader is slower the oldest gives way


class Grabber:
    """Opens a source, grabs from it until it fails or is left, and closes it.

    Only its thread touches the source, so that a driver that hangs takes nobody else along.

    Args:
        source: Opened by the thread, unless it is open.
        is_open: Whether it is.
        health: Counts what is damaged or skipped.
    """

    def __init__(self, source: CameraSource, is_open: bool, health: Health) -> None:
        self._source = source
        self._health = health
        self._changed = threading.Condition()
        self._is_open = is_open
        self._frames: deque[Frame] = deque()
        self._error: Exception | None = None
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name='grab', daemon=True)
        self._thread.start()

    def wait_open(self, timeout_s: float) -> bool:
        """Wait until the source is open; False when it is not in time, or was left.

        Raises:
            CameraError: when it cannot be opened.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_open or self._error or self._left.is_set(), timeout_s
            )
            if self._error and not self._is_open:
                raise self._error
            return self._is_open and not self._left.is_set()

    def take(self, timeout_s: float) -> Frame | None:
        """Return the next picture; None when none comes in time, or the source was left.

        Raises:
            CameraError: when the source has failed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._frames or self._error or self._left.is_set(), timeout_s
            )
            if self._left.is_set():
                return None
            if self._frames:
                return self._frames.popleft()
            if self._error:
                raise self._error
            return None

    def leave(self) -> None:
        """Ask the thread to close the source and end; leaving twice is fine."""
        with self._changed:
            self._left.set()
            self._changed.notify_all()

    def ended(self, timeout_s: float) -> bool:
        """Wait for the thread's end; False when the driver still holds it."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            if not self._is_open:
                self._source.open()
            with self._changed:
                self._is_open = True
                self._changed.notify_all()
            self._grab()
        except Exception as error:  # handed to the reader, who says it
            self._fail(error)
        finally:
            self._close()

    def _grab(self) -> None:
        source, health = self._source, self._health
        grid = Grid(source.rate_hz)
        late = 0
        while not self._left.is_set():
            if not source.paces_itself and not grid.wait(self._left):
                return
            if grid.skipped > late:
                health.count(skipped=grid.skipped - late)
                late = grid.skipped
            try:
                frame = source.grab(grid.tick)
            except DamagedError:
                health.count(damaged=1)
                continue
            if frame is not None:
                self._put(frame)

    def _put(self, frame: Frame) -> None:
        with self._changed:
            if len(self._frames) == _WAITING:
                self._frames.popleft()
                self._health.count(skipped=1)
            self._frames.append(frame)
            self._changed.notify_all()

    def _close(self) -> None:
        try:
            self._source.close()
        except Exception as error:  # the driver's; a later opening shows whether it matters
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()
