"""A picture that carries its own identity in big black and white cells.

Tests use it to prove which picture stands in which row of a dataset, so it must survive lossy
video: each bit is a cell of width/40 pixels in the top rows, read by its middle, and a CRC says
whether all of them were read right. Below the cells there is some texture that moves.
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from so101_driver.arm.joints import FloatArray
from so101_driver.common.errors import CameraError

Image = NDArray[np.uint8]

COLUMNS = 40
SMALLEST_CELL_PX = 8
_MAGIC = 0x5A
# Magic, whether joints are known, frame, capture time, joints' stamp, joints in 0.1 mrad.
_LAYOUT = struct.Struct('>BBIqq6h')
_CHECK = struct.Struct('>I')
_BITS = (_LAYOUT.size + _CHECK.size) * 8
ROWS = -(-_BITS // COLUMNS)
_JOINT_UNIT_RAD = 1e-4
_DARK, _BRIGHT = 16, 235
_BAR_SPEED_PX = 4
_BAR_WIDTH_PX = 24


class CodedPicture(NamedTuple):
    """What a picture says about itself.

    Attributes:
        frame: Counter of the camera, from 0.
        capture_ns: When it was taken.
        joint_stamp_ns: Stamp of the joint state it shows; 0 without one.
        positions_rad: Six joints, rounded to 0.1 mrad, or None when none was known.
    """

    frame: int
    capture_ns: int
    joint_stamp_ns: int = 0
    positions_rad: FloatArray | None = None


def encode(content: CodedPicture, width: int = 640, height: int = 480) -> Image:
    """Return the picture, (height, width, 3) uint8 RGB.

    Raises:
        CameraError: when the size is too small for readable cells.
    """
    cell = _cell_px(width, height)
    known = content.positions_rad is not None
    angles = [0] * 6
    if content.positions_rad is not None:
        angles = np.rint(np.asarray(content.positions_rad) / _JOINT_UNIT_RAD).astype(int).tolist()
    payload = _LAYOUT.pack(
        _MAGIC, known, content.frame, content.capture_ns, content.joint_stamp_ns, *angles
    )
    payload += _CHECK.pack(zlib.crc32(payload))
    bits = np.zeros(ROWS * COLUMNS, dtype=np.uint8)
    bits[:_BITS] = np.unpackbits(np.frombuffer(payload, dtype=np.uint8))
    values = np.where(bits, _BRIGHT, _DARK).astype(np.uint8).reshape(ROWS, COLUMNS)
    image: Image = _texture(width, height).copy()
    block = values.repeat(cell, axis=0).repeat(cell, axis=1)
    image[: ROWS * cell, : COLUMNS * cell] = block[:, :, None]
    left = content.frame * _BAR_SPEED_PX % max(width - _BAR_WIDTH_PX, 1)
    image[(ROWS + 1) * cell :, left : left + _BAR_WIDTH_PX] = (200, 60, 40)
    return image


def decode(image: Image) -> CodedPicture:
    """Read a picture of any size that `encode` can make.

    Raises:
        CameraError: when it is none, or too damaged to be read.
    """
    height, width = image.shape[:2]
    cell = _cell_px(width, height)
    block = image[: ROWS * cell, : COLUMNS * cell].astype(np.float32)
    if block.ndim == 3:
        block = block.mean(axis=2)
    cells = block.reshape(ROWS, cell, COLUMNS, cell)
    rim = cell // 4
    middles = cells[:, rim : cell - rim, :, rim : cell - rim].mean(axis=(1, 3))
    bits = (middles > (_DARK + _BRIGHT) / 2).astype(np.uint8).ravel()[:_BITS]
    payload = np.packbits(bits).tobytes()
    body, check = payload[: _LAYOUT.size], payload[_LAYOUT.size :]
    if body[0] != _MAGIC or _CHECK.unpack(check)[0] != zlib.crc32(body):
        raise CameraError('not a coded picture, or one too damaged to be read')
    _, known, frame, capture_ns, joint_stamp_ns, *angles = _LAYOUT.unpack(body)
    positions = np.array(angles, dtype=np.float64) * _JOINT_UNIT_RAD if known else None
    return CodedPicture(frame, capture_ns, joint_stamp_ns, positions)


def _cell_px(width: int, height: int) -> int:
    cell = width // COLUMNS
    if cell < SMALLEST_CELL_PX or height < (ROWS + 1) * cell:
        raise CameraError(
            f'{width}x{height} is too small for a coded picture: at least '
            f'{COLUMNS * SMALLEST_CELL_PX} wide and {ROWS + 1} cells of width/{COLUMNS} high'
        )
    return cell


@lru_cache(maxsize=4)
def _texture(width: int, height: int) -> Image:
    y, x = np.mgrid[0:height, 0:width]
    waves = 128 + 60 * np.sin(x / 23) * np.cos(y / 31)
    return np.stack([waves, 255 * y / height, 255 * x / width], axis=-1).astype(np.uint8)
