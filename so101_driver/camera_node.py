"""Executable `camera`: one camera; its node name is the camera's name."""

from __future__ import annotations

import array
import sys

import cv2
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState

from so101_driver.base_node import Stop, declare, run
from so101_driver.cameras.capture import CaptureThread
from so101_driver.cameras.config import SIMULATED, CameraConfig, make_source
from so101_driver.cameras.source import Frame, JointCache
from so101_driver.commands import in_joint_order
from so101_driver.errors import ConfigError

IMAGE_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.RELIABLE
)
JOINT_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE
)
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


class CameraNode(Node):
    """Publishes a source's pictures from its capture thread."""

    def __init__(self, _stop: Stop) -> None:
        super().__init__('camera')
        cv2.setNumThreads(1)  # pictures this small are not worth waking other threads
        self._config = config = declare(self, CameraConfig)
        self._frame_id = f'{self.get_name()}_optical_frame'
        self._images = self.create_publisher(Image, '~/image_raw', IMAGE_QOS)
        self._infos = self.create_publisher(CameraInfo, '~/camera_info', IMAGE_QOS)
        self._compressed = (
            self.create_publisher(CompressedImage, '~/image_raw/compressed', IMAGE_QOS)
            if config.compressed
            else None
        )
        self._joints = JointCache()
        if config.source in SIMULATED:
            self.create_subscription(
                JointState, config.joint_states_topic, self._on_joints, JOINT_QOS
            )
            self.create_subscription(DiagnosticStatus, '/recorder/status', self._on_status, LATCHED)
        self._source = make_source(config, self._joints, self._now_ns)
        self._source.open()
        self._capture = CaptureThread(
            self._source,
            config.rotation,
            self._publish,
            lambda text: self.get_logger().warning(text),
        )
        self._capture.start()
        self.get_logger().info(
            f'{config.source}: {config.width}x{config.height} at {self._source.rate_hz:g} fps'
        )

    def close(self) -> None:
        """Stop capturing."""
        self._capture.close()

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _publish(self, frame: Frame) -> None:
        """Publish one picture with its info; called from the capture thread."""
        height, width = frame.image.shape[:2]
        message = Image()
        message.header.stamp = Time(nanoseconds=frame.stamp_ns).to_msg()
        message.header.frame_id = self._frame_id
        message.height, message.width = height, width
        message.encoding = 'rgb8'
        message.step = width * 3
        data = array.array('B')  # the type that rclpy takes over without looking at each byte
        data.frombytes(frame.image.data)
        message.data = data
        self._images.publish(message)
        self._infos.publish(self._info(message))
        if self._compressed is not None:
            self._publish_compressed(self._compressed, frame, message)

    def _info(self, image: Image) -> CameraInfo:
        """Return the camera's info; zeros mean "not calibrated", as the message defines."""
        info = CameraInfo()
        info.header = image.header
        info.height, info.width = image.height, image.width
        focal = self._source.focal_px
        if focal:
            x, y = image.width / 2, image.height / 2
            info.distortion_model = 'plumb_bob'
            info.d = [0.0] * 5
            info.k = [focal, 0.0, x, 0.0, focal, y, 0.0, 0.0, 1.0]
            info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
            info.p = [focal, 0.0, x, 0.0, 0.0, focal, y, 0.0, 0.0, 0.0, 1.0, 0.0]
        return info

    def _publish_compressed(self, publisher: Publisher, frame: Frame, image: Image) -> None:
        picture = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
        quality = [cv2.IMWRITE_JPEG_QUALITY, self._config.jpeg_quality]
        is_good, encoded = cv2.imencode('.jpg', picture, quality)
        if not is_good:
            self.get_logger().error('JPEG encoding failed', throttle_duration_sec=5.0)
            return
        message = CompressedImage()
        message.header = image.header
        message.format = 'jpeg'
        data = array.array('B')
        data.frombytes(encoded.tobytes())
        message.data = data
        publisher.publish(message)

    def _on_joints(self, message: JointState) -> None:
        try:
            positions = in_joint_order(message.name, message.position)
        except ConfigError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)
            return
        self._joints.put(positions, Time.from_msg(message.header.stamp).nanoseconds)

    def _on_status(self, message: DiagnosticStatus) -> None:
        for pair in message.values:
            if pair.key == 'episode_index' and pair.value.isdigit():
                self._joints.put_episode(int(pair.value))


def main(args: list[str] | None = None) -> int:
    """Run one camera."""
    return run(CameraNode, args)


if __name__ == '__main__':
    sys.exit(main())
