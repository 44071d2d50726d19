"""A camera's pictures, optics and state as ROS messages."""

from __future__ import annotations

import array
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from so101_driver.cameras.capture import CaptureThread
from so101_driver.cameras.frame import Frame
from so101_driver.cameras.intrinsics import Intrinsics

# As image_transport's compressed plugin calls a JPEG of an rgb8 picture; its readers turn the
# colours by these words.
_JPEG_FORMAT = 'rgb8; jpeg compressed bgr8'


def image_message(frame: Frame, header: Any) -> Image:
    """Return a picture as rgb8.

    Raises:
        DamagedError: when it does not decode.
    """
    message = Image()
    message.header = header
    message.height, message.width = frame.image.shape[:2]
    message.encoding = 'rgb8'
    message.step = message.width * 3
    message.data = _bytes(frame.image.data)
    return message


def jpeg_message(frame: Frame, header: Any, quality: int) -> CompressedImage:
    """Return a picture as JPEG.

    Raises:
        DamagedError: when it does not decode or encode.
    """
    message = CompressedImage()
    message.header = header
    message.format = _JPEG_FORMAT
    message.data = _bytes(frame.jpeg(quality))
    return message


def info_message(intrinsics: Intrinsics, header: Any) -> CameraInfo:
    """Return a camera's optics."""
    message = CameraInfo()
    message.header = header
    message.width, message.height = intrinsics.width, intrinsics.height
    message.distortion_model = intrinsics.model
    message.d = list(intrinsics.d)
    message.k, message.r, message.p = intrinsics.k, intrinsics.r, intrinsics.p
    return message


def status_message(name: str, hardware: str, capture: CaptureThread) -> DiagnosticStatus:
    """Return a camera's state and counters.

    Args:
        name: The node's name, which begins the status' name.
        hardware: The device.
        capture: What captures from it.
    """
    counts, problem, source = capture.health.counts(), capture.problem, capture.source
    status = DiagnosticStatus()
    status.name = f'{name}: camera'
    status.hardware_id = hardware
    if problem:
        state, status.level, status.message = 'no picture', DiagnosticStatus.ERROR, problem
    elif not counts.frames:
        state, status.level, status.message = 'starting', DiagnosticStatus.OK, 'starting'
    else:
        complaints = [
            *([source.warning] if source.warning else []),
            *(['slower than promised'] if capture.health.is_slow else []),
        ]
        state = 'running'
        status.level = DiagnosticStatus.WARN if complaints else DiagnosticStatus.OK
        status.message = '; '.join(complaints) or 'ok'
    values = {
        'state': state,
        'frames': counts.frames,
        'fps': f'{counts.rate_hz:.2f}',
        'promised_fps': f'{source.rate_hz:g}',
        'damaged': counts.damaged,
        'skipped': counts.skipped,
        'reopened': counts.reopened,
        'stamp_source': counts.stamp_source,
        'longest_gap_s': f'{counts.longest_gap_s:.3f}',
    }
    status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return status


def _bytes(data: bytes | memoryview) -> array.array[int]:
    """Return bytes as the type that rclpy takes over without looking at each of them."""
    result = array.array('B')
    result.frombytes(data)
    return result
