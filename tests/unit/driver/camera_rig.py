"""A V4L2 camera as OpenCV shows it: served from memory, unplugged and stalled at will."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from so101_driver.cameras.device import DeviceSource
from so101_driver.cameras.mode import Mode
from tests.conftest import T0_NS

WIDTH, HEIGHT = 64, 48
MODE = Mode(WIDTH, HEIGHT, 100.0, 'MJPG')


def gradient(shade: int = 0) -> np.ndarray:
    """Return an RGB picture, (48, 64, 3): red grows to the right, green to the bottom."""
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[..., 0] = np.linspace(0, 255, WIDTH, dtype=np.uint8)
    image[..., 1] = np.linspace(0, 255, HEIGHT, dtype=np.uint8)[:, None]
    image[..., 2] = shade
    return image


def jpeg(shade: int = 0) -> bytes:
    """Return such a picture as a JPEG file."""
    bgr = cv2.cvtColor(gradient(shade), cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode('.jpg', bgr)[1].tobytes())


def yuyv() -> np.ndarray:
    """Return such a picture as YUYV, (48, 64, 2)."""
    yuv = cv2.cvtColor(gradient(), cv2.COLOR_RGB2YUV)
    packed = np.empty((HEIGHT, WIDTH, 2), np.uint8)
    packed[..., 0] = yuv[..., 0]
    packed[:, 0::2, 1] = yuv[:, 0::2, 1]
    packed[:, 1::2, 1] = yuv[:, 0::2, 2]
    return packed


class FakeDevice:
    """A camera on a path; `make` is what OpenCV would do with it.

    Attributes:
        gives: By OpenCV's number, what it gives instead of what it was asked for.
        serve: Returns the data of the next picture.
        stamp_ms: Returns the driver's stamp at a monotonic time (ns).
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / 'video0'
        self.path.touch()
        self.gives: dict[int, float] = {}
        self.serve: Callable[[], np.ndarray] = lambda: np.frombuffer(jpeg(), np.uint8)[None]
        self.stamp_ms: Callable[[int], float] = lambda now_ns: now_ns / 1e6 - 20.0
        self.period_s = 0.005
        self.is_busy = False
        self.stalled = threading.Event()
        self.hanging = threading.Event()
        self.let_go = threading.Event()
        self.grabs = 0
        self.hung = 0
        self.captures: list[FakeCapture] = []

    def make(self, target: int | str) -> FakeCapture:
        """Open it."""
        assert target == str(self.path)
        capture = FakeCapture(self)
        self.captures.append(capture)
        return capture

    def unplug(self) -> None:
        """Pull the cable."""
        self.path.unlink()

    def plug(self) -> None:
        """Put it back."""
        self.path.touch()


class FakeCapture:
    """What DeviceSource uses of cv2.VideoCapture."""

    def __init__(self, device: FakeDevice) -> None:
        self.device = device
        self.asked: dict[int, float] = {cv2.CAP_PROP_CONVERT_RGB: 1.0}
        self.released = 0
        self._grabbed_ns = 0

    def isOpened(self) -> bool:  # noqa: N802
        return not self.device.is_busy

    def set(self, key: int, value: float) -> bool:
        self.asked[key] = value
        return True

    def get(self, key: int) -> float:
        if key == cv2.CAP_PROP_POS_MSEC:
            return self.device.stamp_ms(self._grabbed_ns)
        return self.device.gives.get(key, self.asked.get(key, 0.0))

    def grab(self) -> bool:
        device = self.device
        assert not self.released, 'a grab from a released device crashes'
        if device.hanging.is_set():
            device.hung += 1
            device.let_go.wait(60.0)
            return False
        if device.stalled.is_set():
            time.sleep(0.6)  # V4L2 waits a second
            return False
        time.sleep(device.period_s)
        self._grabbed_ns = time.monotonic_ns()
        device.grabs += 1
        return device.path.exists()

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        return True, self.device.serve()

    def release(self) -> None:
        self.released += 1


def source(device: FakeDevice, mode: Mode = MODE, exact: bool = True) -> DeviceSource:
    """Return a source of the device; ROS time is `ros_ns`."""
    return DeviceSource(str(device.path), mode, exact, ros_ns, device.make)


def ros_ns() -> int:
    """Return a ROS time whose zero is far from the monotonic clock's."""
    return T0_NS + time.monotonic_ns()
