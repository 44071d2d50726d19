"""A camera whose pictures say which they are (see `coded_picture`)."""

from __future__ import annotations

from collections.abc import Callable

from so101_driver.cameras.coded_picture import CodedPicture, encode
from so101_driver.cameras.frame import Frame
from so101_driver.cameras.source import JointCache


class CodedSource:
    """Paints its counter, the capture time and the newest joint state.

    Args:
        width, height: Picture size (px).
        fps: Pictures per second.
        joints: Where the follower's pose comes from.
        clock_ns: Clock of the stamps.
    """

    paces_itself = False
    focal_px = 0.0
    warning = ''

    def __init__(
        self,
        width: int,
        height: int,
        fps: float,
        joints: JointCache,
        clock_ns: Callable[[], int],
    ) -> None:
        self.rate_hz = fps
        self._size = (width, height)
        self._joints = joints
        self._clock_ns = clock_ns
        self._count = 0

    def open(self) -> None:
        """Check the size once."""
        encode(CodedPicture(0, 0), *self._size)

    def close(self) -> None:
        """Nothing to close."""

    def grab(self, tick: int) -> Frame:
        """Paint the next picture."""
        stamp_ns = self._clock_ns()
        view, _ = self._joints.get()
        content = CodedPicture(self._count, stamp_ns)
        if view is not None:
            content = CodedPicture(self._count, stamp_ns, view.stamp_ns, view.positions_rad)
        self._count += 1
        return Frame(encode(content, *self._size), stamp_ns)
