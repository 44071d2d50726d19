"""A picture as it was grabbed, decoded only when somebody wants its pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from so101_driver.cameras.coded_picture import Image
from so101_driver.common.errors import CameraError

RGB, BGR, YUYV, JPEG = 'rgb', 'bgr', 'yuyv', 'jpeg'
DRIVER, GRAB = 'driver', 'grab'

_TO_RGB = {BGR: cv2.COLOR_BGR2RGB, YUYV: cv2.COLOR_YUV2RGB_YUY2}
_TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


def use_one_thread() -> None:
    """Let OpenCV work in the calling thread: pictures this small are not worth waking others."""
    cv2.setNumThreads(1)


class DamagedError(CameraError):
    """One picture is not whole; the next may be."""


class Frame:
    """One picture and when it was taken.

    Args:
        data: (height, width, 3) uint8 of `rgb` and `bgr`, (height, width, 2) of `yuyv`, the bytes
            of a file, shape (n,), of `jpeg`.
        stamp_ns: When it was taken (ROS time).
        coding: One of the above.
        stamp_source: Whose clock said so: the `driver`'s, or ours at the `grab`.
        size: Width and height (px); needed for `jpeg`.
        rotation_deg: 0, 90, 180 or 270: how far the picture is turned, clockwise, when it is used.
    """

    def __init__(
        self,
        data: NDArray[np.uint8],
        stamp_ns: int,
        coding: str = RGB,
        stamp_source: str = GRAB,
        size: tuple[int, int] | None = None,
        rotation_deg: int = 0,
    ) -> None:
        self.stamp_ns = stamp_ns
        self.coding = coding
        self.stamp_source = stamp_source
        self._data = data
        self._size = size or (data.shape[1], data.shape[0])
        self._rotation_deg = rotation_deg
        self._image: Image | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the turned picture (px)."""
        width, height = self._size
        return (height, width) if self._rotation_deg in (90, 270) else (width, height)

    @property
    def image(self) -> Image:
        """The turned picture, (height, width, 3) uint8 RGB, contiguous.

        Raises:
            DamagedError: when it does not decode.
        """
        if self._image is None:
            image = self._decoded()
            if self._rotation_deg:
                image = np.asarray(cv2.rotate(image, _TURNS[self._rotation_deg]), np.uint8)
            self._image = np.ascontiguousarray(image)
        return self._image

    def jpeg(self, quality: int) -> bytes:
        """Return the picture as a JPEG file: the camera's own, untouched, where it sent one.

        Raises:
            DamagedError: when it cannot be encoded.
        """
        if self.coding == JPEG and not self._rotation_deg:
            return self._data.tobytes()
        picture = cv2.cvtColor(self.image, cv2.COLOR_RGB2BGR)
        is_good, encoded = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not is_good:
            raise DamagedError('a picture cannot be encoded as JPEG')
        return bytes(encoded.tobytes())

    def adjusted(self, rotation_deg: int, latency_ns: int) -> Frame:
        """Return the picture to be turned, with an earlier stamp."""
        return Frame(
            self._data,
            self.stamp_ns - latency_ns,
            self.coding,
            self.stamp_source,
            self._size,
            rotation_deg,
        )

    def _decoded(self) -> Image:
        if self.coding == RGB:
            return self._data
        if self.coding in _TO_RGB:
            return np.asarray(cv2.cvtColor(self._data, _TO_RGB[self.coding]), np.uint8)
        picture = cv2.imdecode(self._data, cv2.IMREAD_COLOR)
        if picture is None or (picture.shape[1], picture.shape[0]) != self._size:
            raise DamagedError('a JPEG picture does not decode')
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
