"""An ideal camera that draws points, polygons and rods of a 3D scene with OpenCV."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from so101_driver.arm.joints import FloatArray
from so101_driver.cameras.coded_picture import Image

Colour = tuple[int, int, int]

_NEAR_M = 0.01
_FRACTION_BITS = 3  # OpenCV draws with sub-pixel coordinates of that many bits


class Pinhole:
    """A camera at a place, looking along its z axis, x right, y down (as optical frames are).

    Args:
        width, height: Picture size (px).
        focal_px: Focal length.
    """

    def __init__(self, width: int, height: int, focal_px: float) -> None:
        self.focal_px = focal_px
        self._centre = np.array([width / 2, height / 2])
        self._origin: FloatArray = np.zeros(3)
        self._rotation = np.eye(3)

    def look(self, origin: FloatArray, target: FloatArray, up: FloatArray) -> None:
        """Stand at `origin` and look at `target`, with `up` upwards in the picture."""
        z = (target - origin) / np.linalg.norm(target - origin)
        x = np.cross(z, up)
        x /= np.linalg.norm(x)
        self._origin = origin
        self._rotation = np.stack([x, np.cross(z, x), z])

    def to_camera(self, points: FloatArray) -> FloatArray:
        """Return points (n, 3) of the base frame in the camera's frame."""
        return np.asarray((points - self._origin) @ self._rotation.T)

    def polygon(self, image: Image, points: FloatArray, colour: Colour) -> None:
        """Fill a flat polygon (n, 3), cut off where it comes too near."""
        visible = _clip_near(self.to_camera(points))
        if len(visible) >= 3:
            cv2.fillConvexPoly(image, self._pixels(visible), colour, cv2.LINE_AA, _FRACTION_BITS)

    def rod(
        self, image: Image, start: FloatArray, end: FloatArray, radius_m: float, colour: Colour
    ) -> None:
        """Draw a rod between two points as a tapered line with round ends."""
        ends = self.to_camera(np.stack([start, end]))
        if np.any(ends[:, 2] < _NEAR_M):
            return
        radii = np.maximum(radius_m * self.focal_px / ends[:, 2], 1.0)
        pixels = self._centre + self.focal_px * ends[:, :2] / ends[:, 2:]
        along = pixels[1] - pixels[0]
        length = float(np.hypot(*along))
        scale = 1 << _FRACTION_BITS
        if length > 1.0:
            across = np.array([-along[1], along[0]]) / length
            outline = np.stack(
                [
                    pixels[0] + across * radii[0],
                    pixels[1] + across * radii[1],
                    pixels[1] - across * radii[1],
                    pixels[0] - across * radii[0],
                ]
            )
            cv2.fillConvexPoly(
                image,
                np.rint(outline * scale).astype(np.int32),
                colour,
                cv2.LINE_AA,
                _FRACTION_BITS,
            )
        for pixel, radius in zip(pixels, radii, strict=True):
            centre = np.rint(pixel * scale).astype(int)
            cv2.circle(
                image,
                (int(centre[0]), int(centre[1])),
                int(radius * scale),
                colour,
                -1,
                cv2.LINE_AA,
                _FRACTION_BITS,
            )

    def depth(self, points: Sequence[FloatArray] | FloatArray) -> float:
        """Return the mean depth of points, to draw far things first."""
        return float(self.to_camera(np.asarray(points))[:, 2].mean())

    def _pixels(self, points: FloatArray) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        pixels = self._centre + self.focal_px * points[:, :2] / points[:, 2:]
        # Far outside the picture OpenCV's fixed-point numbers would overflow.
        limited = np.clip(pixels, -1e5, 1e5) * (1 << _FRACTION_BITS)
        return np.rint(limited).astype(np.int32)


def _clip_near(points: FloatArray) -> FloatArray:
    """Cut a polygon in camera coordinates at the near plane."""
    inside = points[:, 2] >= _NEAR_M
    if inside.all():
        return points
    kept = []
    for index in range(len(points)):
        following = (index + 1) % len(points)
        a, b = points[index], points[following]
        if inside[index]:
            kept.append(a)
        if inside[index] != inside[following]:
            kept.append(a + (b - a) * (_NEAR_M - a[2]) / (b[2] - a[2]))
    return np.array(kept).reshape(-1, 3)
