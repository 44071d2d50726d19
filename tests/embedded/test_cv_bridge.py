"""Conversion of images."""

from __future__ import annotations

import numpy as np
import pytest
from cv_bridge import CvBridge, CvBridgeError
from sensor_msgs.msg import Image

BRIDGE = CvBridge()
COLOURS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


@pytest.mark.parametrize(
    ('encoding', 'image'),
    [
        ('rgb8', COLOURS),
        ('bgr8', COLOURS),
        ('mono8', COLOURS[:, :, 0]),
        ('rgba8', np.zeros((2, 3, 4), np.uint8)),
        ('bgra8', np.ones((2, 3, 4), np.uint8)),
        ('16UC1', np.arange(6, dtype=np.uint16).reshape(2, 3)),
        ('32FC1', np.arange(6, dtype=np.float32).reshape(2, 3)),
    ],
)
def test_round_trip(encoding: str, image: np.ndarray) -> None:
    message = BRIDGE.cv2_to_imgmsg(image, encoding)
    assert (message.height, message.width, message.encoding) == (2, 3, encoding)
    assert np.array_equal(BRIDGE.imgmsg_to_cv2(message), image)


def test_colours_are_swapped_and_padding_is_left_out() -> None:
    pixels = [1, 2, 3, 0, 0, 0, 4, 5, 6, 0, 0, 0]
    message = Image(height=2, width=1, encoding='rgb8', step=6, data=pixels)
    assert BRIDGE.imgmsg_to_cv2(message, 'bgr8').tolist() == [[[3, 2, 1]], [[6, 5, 4]]]
    assert BRIDGE.imgmsg_to_cv2(message, 'mono8').shape == (2, 1)
    big = Image(height=1, width=1, encoding='16UC1', step=2, data=[1, 2], is_bigendian=1)
    assert BRIDGE.imgmsg_to_cv2(big)[0, 0] == 258


def test_compressed_images() -> None:
    message = BRIDGE.cv2_to_compressed_imgmsg(COLOURS, 'png')
    assert np.array_equal(BRIDGE.compressed_imgmsg_to_cv2(message), COLOURS)
    assert np.array_equal(BRIDGE.compressed_imgmsg_to_cv2(message, 'rgb8'), COLOURS[:, :, ::-1])


def test_what_does_not_fit_is_refused() -> None:
    short = Image(height=2, width=3, encoding='rgb8', step=9, data=[0] * 9)
    with pytest.raises((CvBridgeError, TypeError)):
        BRIDGE.imgmsg_to_cv2(short)
    for call in (
        lambda: BRIDGE.cv2_to_imgmsg(COLOURS, 'mono8'),
        lambda: BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(COLOURS, 'rgb8'), '32FC1'),
        lambda: BRIDGE.encoding_to_dtype_with_channels('yuv'),
    ):
        with pytest.raises(CvBridgeError):
            call()
