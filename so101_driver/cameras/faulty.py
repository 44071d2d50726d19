"""A camera with faults on request, around any source."""

from __future__ import annotations

import threading
import time

from so101_driver.cameras.faults import STALL, UNPLUG, CameraFaults
from so101_driver.cameras.frame import DamagedError, Frame
from so101_driver.cameras.source import CameraSource, MissingError
from so101_driver.common.errors import CameraError

_LONGEST_GRAB_S = 1.0  # as V4L2's; see `cameras/__init__.py`
_STEP_S = 0.01


class FaultySource:
    """Does what a real camera does when its cable, its driver or its bus fails.

    Args:
        source: What gives the pictures.
        faults: When it fails, and how.
    """

    def __init__(self, source: CameraSource, faults: CameraFaults) -> None:
        self._source = source
        self._faults = faults
        self._closed = threading.Event()

    @property
    def rate_hz(self) -> float:
        """Pictures per second."""
        return self._source.rate_hz

    @property
    def paces_itself(self) -> bool:
        """As the source."""
        return self._source.paces_itself

    @property
    def focal_px(self) -> float:
        """As the source."""
        return self._source.focal_px

    @property
    def warning(self) -> str:
        """As the source."""
        return self._source.warning

    def open(self) -> None:
        """Open the source, if it is plugged in.

        Raises:
            MissingError: when it is not.
        """
        if self._faults.is_on(UNPLUG):
            raise MissingError('no such device; is it plugged in? (simulated)')
        self._closed.clear()
        self._source.open()

    def grab(self, tick: int) -> Frame | None:
        """Return the source's picture, or what a fault makes of it."""
        begin_s = time.monotonic()
        while self._faults.is_on(STALL) and not self._faults.is_on(UNPLUG):
            if time.monotonic() - begin_s > _LONGEST_GRAB_S or self._closed.wait(_STEP_S):
                return None
        if self._faults.is_on(UNPLUG):
            raise CameraError('unplugged (simulated)')
        frame = self._source.grab(tick)
        if self._faults.damages():
            raise DamagedError('a damaged picture (simulated)')
        return frame

    def close(self) -> None:
        """Close the source and let a grab return."""
        self._closed.set()
        self._source.close()
