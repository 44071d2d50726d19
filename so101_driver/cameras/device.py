"""A real camera through OpenCV: on Linux as V4L2 gives its pictures, undecoded."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from so101_driver.cameras.frame import BGR, JPEG, YUYV, DamagedError, Frame
from so101_driver.cameras.jpeg import whole_file
from so101_driver.cameras.mode import Mode, ask, given
from so101_driver.cameras.source import MissingError
from so101_driver.cameras.stamps import DriverStamps
from so101_driver.common.errors import CameraError

_IS_V4L2 = sys.platform == 'linux'
_RAW_CODINGS = {'MJPG': JPEG, 'JPEG': JPEG, 'YUYV': YUYV}
# One being filled, one being read, one to spare: with two, cameras lose pictures when this thread
# comes late; more would only make them old.
_BUFFERS = 3
_WAITED_S = 0.5  # a grab that failed later than that has waited in vain, not met an error


def open_capture(target: int | str) -> Any:
    """Return OpenCV's capture of a device."""
    return cv2.VideoCapture(target, cv2.CAP_V4L2 if _IS_V4L2 else cv2.CAP_ANY)


class DeviceSource:
    """A camera by index or path; a path that is a link is followed anew at each opening.

    Args:
        device: Index ("0") or path ("/dev/v4l/by-id/...").
        mode: What it is asked for.
        exact: Refuse another mode than the asked one; else take it.
        clock_ns: Clock of the stamps.
        make_capture: Opens OpenCV's capture.
    """

    paces_itself = True
    focal_px = 0.0

    def __init__(
        self,
        device: str,
        mode: Mode,
        exact: bool,
        clock_ns: Callable[[], int],
        make_capture: Callable[[int | str], Any] = open_capture,
    ) -> None:
        self.rate_hz = mode.fps
        self.warning = ''
        self._name = f'camera {device}'
        self._target = _target(device)
        self._asked = mode
        self._mode = mode
        self._exact = exact
        self._clock_ns = clock_ns
        self._make_capture = make_capture
        self._capture: Any = None
        self._coding = BGR
        self._stamps = DriverStamps()

    def open(self) -> None:
        """Open the device and check the mode that it really gives.

        Raises:
            MissingError: when it is not there, not permitted or busy.
            CameraError: when it gives another mode.
        """
        self.close()
        self._check_access()
        capture = self._make_capture(self._target)
        try:
            self._set_up(capture)
        except BaseException:
            capture.release()
            raise
        self._capture = capture

    def grab(self, tick: int) -> Frame | None:
        """Wait for the next picture, about a second at most; it is not decoded yet."""
        if self._capture is None:
            raise CameraError(f'{self._name}: is not open')
        begin_s = time.monotonic()
        if not self._capture.grab():
            if time.monotonic() - begin_s > _WAITED_S:
                return None
            raise CameraError(f'{self._name}: {"unplugged" if self._is_gone() else "no picture"}')
        monotonic_ns, ros_ns = time.monotonic_ns(), self._clock_ns()
        driver_ms = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) if _IS_V4L2 else 0.0
        stamp_ns, stamp_source = self._stamps.moved(driver_ms, monotonic_ns, ros_ns)
        is_good, data = self._capture.retrieve()
        if not is_good or data is None:
            raise DamagedError(f'{self._name}: a picture could not be read')
        size = (self._mode.width, self._mode.height)
        return Frame(self._whole(data), stamp_ns, self._coding, stamp_source, size)

    def close(self) -> None:
        """Release the device."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _set_up(self, capture: Any) -> None:
        if not capture.isOpened():
            raise MissingError(
                f'{self._name}: cannot be opened; another program uses it, or it gives no pictures'
            )
        if _IS_V4L2:
            capture.set(cv2.CAP_PROP_BUFFERSIZE, _BUFFERS)
        ask(capture, self._asked)
        got = given(capture)
        self.warning = ''
        if not self._asked.is_met_by(got):
            text = f'{self._name}: asked for {self._asked}, got {got}'
            if self._exact:
                raise CameraError(
                    f'{text}; ask for a mode it has (ros2 run recorder find_cameras lists them), '
                    'or accept it with exact_mode:=false'
                )
            self.warning = f'{text}; accepted'
        self._mode = got
        self.rate_hz = got.fps or self._asked.fps
        self._coding = BGR
        is_known = _IS_V4L2 and got.fourcc in _RAW_CODINGS
        if is_known and capture.set(cv2.CAP_PROP_CONVERT_RGB, 0):
            self._coding = _RAW_CODINGS[got.fourcc]
        self._stamps = DriverStamps()

    def _whole(self, data: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a picture's data in its coding's shape, without what a buffer has behind it."""
        width, height = self._mode.width, self._mode.height
        if self._coding == JPEG:
            file = whole_file(data.tobytes())
            if file is None or (file.width, file.height) != (width, height):
                raise DamagedError(f'{self._name}: a JPEG picture is not whole')
            return np.frombuffer(file.data, np.uint8)
        if self._coding == YUYV:
            # One row or the picture's rows, by OpenCV's version; a driver may pad the rows.
            step = data.size // height
            if step < 2 * width or data.size % height:
                raise DamagedError(f'{self._name}: {data.size} bytes for {height} rows of YUYV')
            rows = data.reshape(height, step)[:, : 2 * width]
            return np.ascontiguousarray(rows).reshape(height, width, 2)
        if data.shape != (height, width, 3):
            raise DamagedError(f'{self._name}: a picture of shape {data.shape}')
        return data

    def _check_access(self) -> None:
        """Say what is wrong before OpenCV only says that it cannot."""
        if self._is_gone():
            raise MissingError(f'{self._name}: no such device; is it plugged in?')
        if isinstance(self._target, str) and not os.access(self._target, os.R_OK | os.W_OK):
            raise MissingError(
                f'{self._name}: permission denied; add yourself to the group video '
                '(sudo usermod -aG video $USER) and log in again'
            )

    def _is_gone(self) -> bool:
        return isinstance(self._target, str) and not Path(self._target).exists()


def _target(device: str) -> int | str:
    if not device.isdigit():
        return device
    return f'/dev/video{device}' if _IS_V4L2 else int(device)
