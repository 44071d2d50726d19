"""Pictures as received, and as planes that an encoder takes."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder_node.contract import depth
from recorder_node.errors import StreamError

Pixels = NDArray[np.uint8]

# ROS encodings that libav reads as they are: name of libav's pixel format and channels.
NATIVE = {'rgb8': ('rgb24', 3), 'bgr8': ('bgr24', 3), '8UC3': ('bgr24', 3)}
_TO_RGB = {
    'mono8': (cv2.COLOR_GRAY2RGB, 1),
    '8UC1': (cv2.COLOR_GRAY2RGB, 1),
    'rgba8': (cv2.COLOR_RGBA2RGB, 4),
    'bgra8': (cv2.COLOR_BGRA2RGB, 4),
    '8UC4': (cv2.COLOR_BGRA2RGB, 4),
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
# A plane of brightness, then one of half the rows with both colours in turn.
_TWO_PLANES = {'nv12': cv2.COLOR_YUV2RGB_NV12, 'nv21': cv2.COLOR_YUV2RGB_NV21}
# Of its 16 bits the upper 8 are kept: the whole range, in 256 steps.
_GRAY_16 = 'mono16'
ENCODINGS = (*NATIVE, *_TO_RGB, *_TWO_PLANES, _GRAY_16)
_BYTES_PER_PIXEL = {
    **{name: channels for name, (_, channels) in (NATIVE | _TO_RGB).items()},
    **dict.fromkeys(_TWO_PLANES, 1),
    _GRAY_16: 2,
    **{name: depth.DTYPES[unit].itemsize for unit, name in depth.ENCODINGS.items()},
}


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
        StreamError: an encoding that does not fit, rows shorter than their pixels, or a buffer
            shorter than its rows.
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
    shortest = picture.width * _BYTES_PER_PIXEL[encoding]
    if picture.step < shortest:
        raise StreamError(
            f'{topic}: a step of {picture.step} bytes for rows of {picture.width} pixels in '
            f'{encoding}, which take {shortest}; its publisher is wrong'
        )
    rows = _rows_of(picture)
    if len(picture.data) < rows * picture.step:
        raise StreamError(f'{topic}: {len(picture.data)} bytes for {rows} rows of {picture.step}')


def depth_of(picture: Picture, coding: depth.DepthCoding) -> NDArray[Any]:
    """Return `(height, width)` of depth in the coding's unit, 0 where nothing was measured."""
    kind = depth.DTYPES[coding.unit]
    rows = _rows(picture, kind.itemsize)
    raw = np.ascontiguousarray(rows).view(kind.newbyteorder('>') if picture.big_endian else kind)
    return coding.measured(raw[..., 0].astype(kind, copy=False))


def pixels(picture: Picture) -> tuple[Pixels, str]:
    """Return `(height, width, 3)` uint8 and its libav format, `rgb24` or `bgr24`.

    Formats that libav takes are views of the message's buffer; the others are converted to RGB. A
    coded picture must have been decoded.
    """
    encoding = picture.encoding
    if encoding in NATIVE:
        name, channels = NATIVE[encoding]
        return _rows(picture, channels), name
    if encoding == _GRAY_16:
        upper = _rows(picture, 2)[..., 0 if picture.big_endian else 1]
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(upper), cv2.COLOR_GRAY2RGB)), 'rgb24'
    if encoding in _TWO_PLANES:
        code, channels = _TWO_PLANES[encoding], 1
    else:
        code, channels = _TO_RGB[encoding]
    return np.asarray(cv2.cvtColor(_rows(picture, channels), code), np.uint8), 'rgb24'


def _rows_of(picture: Picture) -> int:
    """Return how many rows the buffer has."""
    return picture.height * 3 // 2 if picture.encoding in _TWO_PLANES else picture.height


def _rows(picture: Picture, channels: int) -> Pixels:
    """View the buffer as rows without the padding behind each."""
    count = _rows_of(picture)
    flat = np.frombuffer(picture.data, np.uint8, count * picture.step)
    rows = flat.reshape(count, picture.step)[:, : picture.width * channels]
    return rows.reshape(count, picture.width, channels)
