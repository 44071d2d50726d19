"""Pictures that come coded: JPEG, PNG and what else OpenCV reads, and compressed depth.

Compressed depth is what image_transport's plugin `compressedDepth` sends: a head of 12 bytes (a
number for the kind and two float32 parameters), then a PNG of 16 bits. Depth in metres is kept as
its inverse there: depth = a / (code - b), where code 0 says that nothing was measured.
"""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder_node.contract.depth import ENCODINGS as DEPTH_ENCODINGS
from recorder_node.errors import StreamError
from recorder_node.streams.pictures import Picture
from so101_driver.cameras.jpeg import whole_file

COMPRESSED = 'compressed'
_DEPTH_WORD = 'compressedDepth'
_COMPRESSED_DEPTH = {f'{name} {_DEPTH_WORD}': name for name in DEPTH_ENCODINGS.values()}
_DEPTH_HEAD = struct.Struct('<iff')
_JPEG = b'\xff\xd8'
_PNG, _PNG_END = b'\x89PNG\r\n\x1a\n', b'IEND\xaeB`\x82'
# Width, height and bits per channel, behind the length and the name of the first chunk.
_PNG_HEADER = struct.Struct('>IIB')
_PNG_HEADER_AT = len(_PNG) + 8


def coded_picture(message: Any, height: int, width: int, topic: str, depth_unit: str) -> Picture:
    """Return a CompressedImage as a picture, its head checked but nothing decoded.

    Args:
        message: with `format` and `data`.
        height, width: in pixels, as in the contract.
        topic: for the error.
        depth_unit: `mm` or `m` for a depth camera, '' for colour.

    Raises:
        StreamError: no picture, one that is cut, of another size, or of another kind.
    """
    data = bytes(message.data)
    if not data:
        raise StreamError(f'{topic}: an empty picture')
    words = message.format.replace(';', ' ').split()
    if _DEPTH_WORD in words and not depth_unit:
        raise StreamError(
            f'{topic}: this is compressed depth; a depth camera has shape [height, width, 1]'
        )
    if depth_unit:
        encoding = f'{DEPTH_ENCODINGS[depth_unit]} {_DEPTH_WORD}'
        if encoding.split() != words[:2] or 'rvl' in words:
            raise StreamError(
                f'{topic}: format "{message.format}" for depth in {depth_unit}; it must be '
                f'"{DEPTH_ENCODINGS[depth_unit]}; {_DEPTH_WORD} png"'
            )
        picture = Picture(height, width, encoding, 0, data)
        size = _png_size(data[_DEPTH_HEAD.size :], topic, bits=16)
    else:
        picture = Picture(height, width, COMPRESSED, 0, data)
        size = _size(data, message.format, topic)
    if size != (width, height):
        raise StreamError(
            f'{topic}: a picture of {size[0]}x{size[1]}, the contract says {width}x{height}'
        )
    return picture


def decoded(picture: Picture) -> Picture:
    """Return a picture as one that is not coded; those that are not come back as they are.

    Raises:
        StreamError: when it does not decode.
    """
    if picture.encoding == COMPRESSED:
        image = _opened(picture, picture.data, cv2.IMREAD_COLOR, np.dtype(np.uint8))
        return picture._replace(encoding='bgr8', step=picture.width * 3, data=image)
    if picture.encoding not in _COMPRESSED_DEPTH:
        return picture
    codes = _opened(
        picture, picture.data[_DEPTH_HEAD.size :], cv2.IMREAD_UNCHANGED, np.dtype(np.uint16)
    )
    encoding = _COMPRESSED_DEPTH[picture.encoding]
    if encoding == DEPTH_ENCODINGS['mm']:
        return picture._replace(encoding=encoding, step=picture.width * 2, data=codes)
    _, a, b = _DEPTH_HEAD.unpack_from(picture.data)
    with np.errstate(divide='ignore', invalid='ignore'):
        metres = np.where(codes > 0, np.float32(a) / (codes - np.float32(b)), np.float32(np.nan))
    return picture._replace(
        encoding=encoding, step=picture.width * 4, data=np.ascontiguousarray(metres, np.float32)
    )


def _opened(picture: Picture, data: bytes, flags: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    image = _imdecode(data, flags)
    if image is None:
        raise StreamError('a compressed picture is damaged')
    if image.shape[:2] != (picture.height, picture.width) or image.dtype != dtype:
        raise StreamError(
            f'a compressed picture holds {image.shape[1]}x{image.shape[0]} of {image.dtype}, '
            f'the contract says {picture.width}x{picture.height}'
        )
    return np.ascontiguousarray(image)


def _imdecode(data: bytes, flags: int) -> Any:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


def _size(data: bytes, format_name: str, topic: str) -> tuple[int, int]:
    """Return width and height as the picture's own head tells them."""
    if data.startswith(_JPEG):
        jpeg = whole_file(data)
        if jpeg is None:
            raise StreamError(f'{topic}: a JPEG of {len(data)} bytes that is cut or damaged')
        return jpeg.width, jpeg.height
    if data.startswith(_PNG):
        return _png_size(data, topic)
    image = _imdecode(data, cv2.IMREAD_COLOR)
    if image is None:
        raise StreamError(
            f'{topic}: format "{format_name}" is no picture that can be read alone; '
            'send JPEG or PNG'
        )
    return image.shape[1], image.shape[0]


def _png_size(data: bytes, topic: str, bits: int = 0) -> tuple[int, int]:
    if not data.startswith(_PNG) or _PNG_END not in data[-64:]:
        raise StreamError(f'{topic}: a PNG of {len(data)} bytes that is cut or damaged')
    width, height, depth_bits = _PNG_HEADER.unpack_from(data, _PNG_HEADER_AT)
    if bits and depth_bits != bits:
        raise StreamError(f'{topic}: a PNG of {depth_bits} bits, depth has {bits}')
    return width, height
