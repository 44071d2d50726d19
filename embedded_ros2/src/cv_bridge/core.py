"""Conversion between image messages and OpenCV images."""

from __future__ import annotations

import re
import sys
from array import array
from typing import Any

import cv2
import numpy as np

from sensor_msgs.msg import CompressedImage, Image

_NAMED = {
    'mono8': ('uint8', 1),
    'mono16': ('uint16', 1),
    'rgb8': ('uint8', 3),
    'bgr8': ('uint8', 3),
    'rgba8': ('uint8', 4),
    'bgra8': ('uint8', 4),
    'rgb16': ('uint16', 3),
    'bgr16': ('uint16', 3),
}
_DEPTHS = {
    '8U': 'uint8',
    '8S': 'int8',
    '16U': 'uint16',
    '16S': 'int16',
    '32S': 'int32',
    '32F': 'float32',
    '64F': 'float64',
}
_FORMATS = {'jpg': '.jpg', 'jpeg': '.jpg', 'png': '.png', 'bmp': '.bmp', 'tiff': '.tiff'}


class CvBridgeError(TypeError):
    """An image cannot be converted."""


class CvBridge:
    """Converts images; the data of a message are never changed."""

    def encoding_to_dtype_with_channels(self, encoding: str) -> tuple[str, int]:
        """Return the numpy type and the number of channels of an encoding."""
        if encoding in _NAMED:
            return _NAMED[encoding]
        match = re.fullmatch(r'(8U|8S|16U|16S|32S|32F|64F)(?:C(\d+))?', encoding)
        if match is None:
            raise CvBridgeError(f'Unrecognized image encoding [{encoding}]')
        return _DEPTHS[match[1]], int(match[2] or 1)

    def imgmsg_to_cv2(
        self,
        img_msg: Image,
        desired_encoding: str = 'passthrough',
    ) -> np.ndarray[Any, Any]:
        """Return the pixels of a message; rows may be padded, the byte order may be any."""
        name, channels = self.encoding_to_dtype_with_channels(img_msg.encoding)
        dtype = np.dtype(name).newbyteorder('>' if img_msg.is_bigendian else '<')
        width = img_msg.width * channels * dtype.itemsize
        step, height = img_msg.step or width, img_msg.height
        if step < width or len(img_msg.data) < step * height:
            raise CvBridgeError(
                f'{len(img_msg.data)} bytes with step {step} do not hold a {img_msg.encoding} '
                f'image of {img_msg.width} x {height} pixels'
            )
        rows = np.frombuffer(img_msg.data, np.uint8, step * height).reshape(height, step)
        pixels = np.ascontiguousarray(rows[:, :width]).view(dtype)
        pixels = pixels.astype(name, copy=False)
        shape = (height, img_msg.width) if channels == 1 else (height, img_msg.width, channels)
        return self._convert(pixels.reshape(shape), img_msg.encoding, desired_encoding)

    def _convert(
        self,
        image: np.ndarray[Any, Any],
        source: str,
        target: str,
    ) -> np.ndarray[Any, Any]:
        if target in ('passthrough', source):
            return image
        layout = self.encoding_to_dtype_with_channels(target)
        if layout == self.encoding_to_dtype_with_channels(source) and (
            source not in _NAMED or target not in _NAMED
        ):
            return image
        colours = [_colour(name) for name in (source, target)]
        if None in colours or layout[0] != image.dtype.name:
            raise CvBridgeError(f'[{source}] cannot be converted to [{target}]')
        return cv2.cvtColor(image, getattr(cv2, f'COLOR_{colours[0]}2{colours[1]}'))

    def cv2_to_imgmsg(
        self,
        cvim: np.ndarray[Any, Any],
        encoding: str = 'passthrough',
        header: Any = None,
    ) -> Image:
        """Return a message with the pixels of an image."""
        if not isinstance(cvim, np.ndarray):
            raise TypeError('Your input type is not a numpy array')
        channels = 1 if cvim.ndim == 2 else cvim.shape[2]
        kinds = {name: key for key, name in _DEPTHS.items()}
        if cvim.dtype.name not in kinds:
            raise CvBridgeError(f'{cvim.dtype} images have no encoding')
        plain = f'{kinds[cvim.dtype.name]}C{channels}'
        if encoding == 'passthrough':
            encoding = plain
        elif self.encoding_to_dtype_with_channels(encoding) != (cvim.dtype.name, channels):
            raise CvBridgeError(f'encoding specified as {encoding}, but image has type {plain}')
        pixels = np.ascontiguousarray(cvim)
        message = Image(
            height=pixels.shape[0],
            width=pixels.shape[1],
            encoding=encoding,
            is_bigendian=int(sys.byteorder == 'big'),
            step=pixels.nbytes // pixels.shape[0],
            data=array('B', pixels.tobytes()),
        )
        if header is not None:
            message.header = header
        return message

    def compressed_imgmsg_to_cv2(
        self,
        cmprs_img_msg: CompressedImage,
        desired_encoding: str = 'passthrough',
    ) -> np.ndarray[Any, Any]:
        """Return the pixels of a compressed image; colours come as bgr8."""
        image = cv2.imdecode(np.frombuffer(cmprs_img_msg.data, np.uint8), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise CvBridgeError(f'data of format [{cmprs_img_msg.format}] cannot be decoded')
        if desired_encoding == 'passthrough':
            return image
        channels = 1 if image.ndim == 2 else image.shape[2]
        wide = image.dtype.name == 'uint16'
        source = {1: 'mono', 3: 'bgr', 4: 'bgra'}[channels] + ('16' if wide else '8')
        return self._convert(image, source, desired_encoding)

    def cv2_to_compressed_imgmsg(
        self,
        cvim: np.ndarray[Any, Any],
        dst_format: str = 'jpg',
    ) -> CompressedImage:
        """Return a compressed message with the pixels of a bgr8 or mono8 image."""
        if dst_format not in _FORMATS:
            raise CvBridgeError(f'format [{dst_format}] is not one of {sorted(_FORMATS)}')
        done, data = cv2.imencode(_FORMATS[dst_format], cvim)
        if not done:
            raise CvBridgeError(f'the image cannot be encoded as [{dst_format}]')
        return CompressedImage(format=dst_format, data=array('B', data.tobytes()))


def _colour(encoding: str) -> str | None:
    match = re.fullmatch(r'(rgb|bgr|rgba|bgra|mono)(?:8|16)', encoding)
    if match is None:
        return None
    return 'GRAY' if match[1] == 'mono' else match[1].upper()
