"""Pictures as received, and as planes that an encoder takes."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder_node import depth
from recorder_node.errors import StreamError

Pixels = NDArray[np.uint8]

# ROS encodings that libav reads as they are: name of libav's pixel format and channels.
NATIVE = {'rgb8': ('rgb24', 3), 'bgr8': ('bgr24', 3), '8UC3': ('bgr24', 3)}
_TO_RGB = {
    'mono8': (cv2.COLOR_GRAY2RGB, 1),
    '8UC1': (cv2.COLOR_GRAY2RGB, 1),
    'rgba8': (cv2.COLOR_RGBA2RGB, 4),
    'bgra8': (cv2.COLOR_BGRA2RGB, 4),
    'yuv422': (cv2.COLOR_YUV2RGB_UYVY, 2),
    'uyvy': (cv2.COLOR_YUV2RGB_UYVY, 2),
    'yuv422_yuy2': (cv2.COLOR_YUV2RGB_YUY2, 2),
    'yuyv': (cv2.COLOR_YUV2RGB_YUY2, 2),
    # ROS names the first row from its first pixel, OpenCV from its second row and column.
    'bayer_rggb8': (cv2.COLOR_BayerBG2RGB, 1),
    'bayer_bggr8': (cv2.COLOR_BayerRG2RGB, 1),
    'bayer_gbrg8': (cv2.COLOR_BayerGR2RGB, 1),
    'bayer_grbg8': (cv2.COLOR_BayerGB2RGB, 1),
}
ENCODINGS = (*NATIVE, *_TO_RGB, 'compressed')


class Picture(NamedTuple):
    """A picture as received: `data` is the message's own buffer, `step` its bytes per row."""

    height: int
    width: int
    encoding: str
    step: int
    data: Any
    big_endian: bool = False


def check(picture: Picture, topic: str, depth_unit: str = '') -> None:
    """Refuse a picture that could not be converted, without converting it.

    Args:
        picture: as received.
        topic: for the error.
        depth_unit: `mm` or `m` for a depth camera, '' for colour.

    Raises:
        StreamError: an encoding that does not fit, or a buffer smaller than height x step.
    """
    encoding = picture.encoding
    if depth_unit and encoding != depth.ENCODINGS[depth_unit]:
        units = {name: unit for unit, name in depth.ENCODINGS.items()}
        if encoding in units:
            cure = f'set depth: {{unit: {units[encoding]}}} in the contract'
        else:
            cure = f'a depth camera sends {" or ".join(units)}'
        raise StreamError(f'{topic}: encoding "{encoding}" for depth in {depth_unit}; {cure}')
    if not depth_unit and encoding not in ENCODINGS:
        raise StreamError(
            f'{topic}: encoding "{encoding}" is not supported; known: {", ".join(ENCODINGS)}'
        )
    if encoding != 'compressed' and len(picture.data) < picture.height * picture.step:
        raise StreamError(
            f'{topic}: {len(picture.data)} bytes for {picture.height} rows of {picture.step}'
        )


def depth_of(picture: Picture, coding: depth.DepthCoding) -> NDArray[Any]:
    """Return `(height, width)` of depth in the coding's unit, 0 where nothing was measured."""
    kind = depth.DTYPES[coding.unit]
    rows = _rows(picture, kind.itemsize)
    raw = np.ascontiguousarray(rows).view(kind.newbyteorder('>') if picture.big_endian else kind)
    return coding.measured(raw[..., 0].astype(kind, copy=False))


def pixels(picture: Picture) -> tuple[Pixels, str]:
    """Return `(height, width, 3)` uint8 and its libav format, `rgb24` or `bgr24`.

    Formats that libav takes are views of the message's buffer; the others are converted to RGB.

    Raises:
        StreamError: a compressed picture that does not decode or has another size.
    """
    if picture.encoding == 'compressed':
        decoded = cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR)
        if decoded is None or decoded.shape[:2] != (picture.height, picture.width):
            size = 'nothing' if decoded is None else f'{decoded.shape[1]}x{decoded.shape[0]}'
            raise StreamError(
                f'a compressed picture holds {size}, the contract says '
                f'{picture.width}x{picture.height}'
            )
        return np.asarray(decoded, np.uint8), 'bgr24'
    if picture.encoding in NATIVE:
        name, channels = NATIVE[picture.encoding]
        return _rows(picture, channels), name
    code, channels = _TO_RGB[picture.encoding]
    return np.asarray(cv2.cvtColor(_rows(picture, channels), code), np.uint8), 'rgb24'


def _rows(picture: Picture, channels: int) -> Pixels:
    """View the buffer as rows without the padding behind each."""
    flat = np.frombuffer(picture.data, np.uint8, picture.height * picture.step)
    rows = flat.reshape(picture.height, picture.step)[:, : picture.width * channels]
    return rows.reshape(picture.height, picture.width, channels)
