"""The seam between camera sources and the thread that captures from them."""

from __future__ import annotations

import threading
from typing import NamedTuple, Protocol

from so101_driver.coded_picture import Image
from so101_driver.joints import FloatArray


class Frame(NamedTuple):
    """A picture, (height, width, 3) uint8 RGB, and when it was grabbed (ns)."""

    image: Image
    stamp_ns: int


class CameraSource(Protocol):
    """Something that gives pictures."""

    @property
    def rate_hz(self) -> float:
        """Pictures per second, known once it is open."""

    @property
    def paces_itself(self) -> bool:
        """Whether `grab` waits for the next picture (a device); else it is asked on a grid."""

    @property
    def focal_px(self) -> float:
        """Focal length of an ideal pinhole, or 0 when the camera is not calibrated."""

    def open(self) -> None:
        """Open the source.

        Raises:
            CameraError: when it cannot be opened or does not deliver what was asked for.
        """

    def grab(self, tick: int) -> Frame:
        """Return the picture of a tick.

        Raises:
            CameraError: when there is none.
        """

    def close(self) -> None:
        """Release everything; closing twice is fine."""


class JointView(NamedTuple):
    """The newest joint state a simulated camera can see: radians, shape (6,), and its stamp."""

    positions_rad: FloatArray
    stamp_ns: int


class JointCache:
    """Newest joint state and episode, handed from subscriptions to a capture thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._view: JointView | None = None
        self._episode = 0

    def put(self, positions_rad: FloatArray, stamp_ns: int) -> None:
        """Keep a joint state."""
        with self._lock:
            self._view = JointView(positions_rad, stamp_ns)

    def put_episode(self, episode: int) -> None:
        """Keep the number of the episode."""
        with self._lock:
            self._episode = episode

    def get(self) -> tuple[JointView | None, int]:
        """Return the newest joint state, if there was one, and the episode."""
        with self._lock:
            return self._view, self._episode
