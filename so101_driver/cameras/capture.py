"""The thread that captures: on an absolute grid, or as fast as a device delivers."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from so101_driver.cameras.source import CameraSource, Frame
from so101_driver.errors import CameraError
from so101_driver.pacing import Grid

_REOPEN_PERIOD_S = 0.5
_JOIN_TIMEOUT_S = 5.0


class CaptureThread:
    """Grabs, rotates and hands on pictures; reopens a source that failed.

    Args:
        source: An open source.
        rotation_deg: 0, 90, 180 or 270, clockwise.
        publish: Takes each picture, in this thread.
        report: Takes one line per change of state, for the log.
    """

    def __init__(
        self,
        source: CameraSource,
        rotation_deg: int,
        publish: Callable[[Frame], None],
        report: Callable[[str], None],
    ) -> None:
        self.frames = 0
        self.skipped = 0
        self.problem = ''
        self._source = source
        self._turns = -rotation_deg // 90
        self._publish = publish
        self._report = report
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name='capture', daemon=True)

    def start(self) -> None:
        """Begin to capture."""
        self._thread.start()

    def close(self) -> None:
        """Stop capturing and close the source; closing twice is fine."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_TIMEOUT_S)
        self._source.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self.problem:
                    self._source.open()
                    self._report('the camera is back')
                    self.problem = ''
                self._capture()
            except CameraError as error:
                if str(error) != self.problem:
                    self._report(str(error))
                self.problem = str(error)
                self._stop.wait(_REOPEN_PERIOD_S)
            except Exception as error:  # a thread that died unseen would look like a frozen camera
                self._report(f'error while capturing: {error!r}')
                self.problem = repr(error)
                self._stop.wait(_REOPEN_PERIOD_S)

    def _capture(self) -> None:
        """Capture until asked to stop."""
        grid = Grid(self._source.rate_hz)
        before = self.skipped
        while not self._stop.is_set():
            if not self._source.paces_itself and not grid.wait(self._stop):
                return
            frame = self._source.grab(grid.tick)
            if self._turns:
                frame = Frame(
                    np.ascontiguousarray(np.rot90(frame.image, self._turns)), frame.stamp_ns
                )
            self._publish(frame)
            self.frames += 1
            self.skipped = before + grid.skipped
