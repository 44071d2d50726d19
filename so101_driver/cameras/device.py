"""A real camera through OpenCV."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from so101_driver.cameras.source import Frame
from so101_driver.errors import CameraError

_RATE_TOLERANCE = 0.05


class DeviceSource:
    """A V4L2 (or other) device by index or path.

    Args:
        device: Index ("0") or path ("/dev/video0").
        width, height: Asked picture size (px).
        fps: Asked rate.
        fourcc: Pixel format, e.g. MJPG; empty = the driver's choice.
        exact: Refuse another mode than the asked one; else take it.
        clock_ns: Clock of the stamps.
    """

    paces_itself = True
    focal_px = 0.0

    def __init__(
        self,
        device: str,
        width: int,
        height: int,
        fps: float,
        fourcc: str,
        exact: bool,
        clock_ns: Callable[[], int],
    ) -> None:
        self.rate_hz = fps
        self._device = device
        self._size = (width, height)
        self._fourcc = fourcc
        self._exact = exact
        self._clock_ns = clock_ns
        self._capture: cv2.VideoCapture | None = None

    def open(self) -> None:
        """Open the device and check the mode that it really delivers."""
        self.close()
        target: int | str = int(self._device) if self._device.isdigit() else self._device
        capture = cv2.VideoCapture(target)
        if not capture.isOpened():
            capture.release()
            raise CameraError(
                f'camera {self._device}: cannot be opened (missing, busy or not permitted)'
            )
        if self._fourcc:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*self._fourcc))
        width, height = self._size
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        capture.set(cv2.CAP_PROP_FPS, self.rate_hz)
        got = (
            int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        differs = got != self._size or (
            rate > 0 and abs(rate - self.rate_hz) > _RATE_TOLERANCE * self.rate_hz
        )
        if differs and self._exact:
            capture.release()
            raise CameraError(
                f'camera {self._device}: asked for {width}x{height} at {self.rate_hz:g} fps, '
                f'got {got[0]}x{got[1]} at {rate:g} fps; ask for a mode it has, '
                'or set exact_mode:=false'
            )
        if differs and rate > 0:
            self.rate_hz = rate
        self._capture = capture

    def grab(self, tick: int) -> Frame:
        """Wait for the next picture; stamped when it was grabbed, before it is decoded."""
        if self._capture is None or not self._capture.grab():
            raise CameraError(f'camera {self._device}: no picture; unplugged?')
        stamp_ns = self._clock_ns()
        is_good, image = self._capture.retrieve()
        if not is_good or image is None:
            raise CameraError(f'camera {self._device}: a picture could not be decoded')
        return Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), stamp_ns)

    def close(self) -> None:
        """Release the device."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None
