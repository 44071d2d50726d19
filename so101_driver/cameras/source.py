"""The seam between camera sources and the threads that capture from them."""

from __future__ import annotations

import threading
from typing import NamedTuple, Protocol

from so101_driver.arm.joints import FloatArray
from so101_driver.cameras.frame import Frame
from so101_driver.common.errors import CameraError


class MissingError(CameraError):
    """A camera is not there, or not to be had now; waiting may cure it."""


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

    @property
    def warning(self) -> str:
        """What the user should know of an opened source, or ''."""

    def open(self) -> None:
        """Open the source.

        Raises:
            MissingError: when it is not there.
            CameraError: when it cannot be opened or does not deliver what was asked for.
        """

    def grab(self, tick: int) -> Frame | None:
        """Return the picture of a tick; None when there is none yet, after about a second.

        Raises:
            DamagedError: when this one is not whole.
            CameraError: when the source has failed.
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
