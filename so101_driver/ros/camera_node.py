"""Executable `camera`: one camera; its node name is the camera's name."""

from __future__ import annotations

import sys

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState
from std_msgs.msg import Header, String

from so101_driver.arm.commands import in_joint_order
from so101_driver.cameras import intrinsics
from so101_driver.cameras.capture import CaptureThread
from so101_driver.cameras.config import DEVICE, SIMULATED, CameraConfig, make_source
from so101_driver.cameras.faults import CameraFaults
from so101_driver.cameras.frame import Frame, use_one_thread
from so101_driver.cameras.source import JointCache
from so101_driver.common.errors import ConfigError
from so101_driver.ros.base_node import Stop, create_steady_timer, declare, run
from so101_driver.ros.camera_messages_node import (
    image_message,
    info_message,
    jpeg_message,
    status_message,
)

IMAGE_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.RELIABLE
)
JOINT_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE
)
DIAGNOSTICS_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE
)
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
_DIAGNOSTICS_PERIOD_S = 1.0


class CameraNode(Node):
    """Publishes a source's pictures from its capture thread."""

    def __init__(self, stop: Stop) -> None:
        super().__init__('camera')
        use_one_thread()
        self._config = config = declare(self, CameraConfig)
        self._frame_id = f'{self.get_name()}_optical_frame'
        self._calibrated = self._read_calibration()
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
        self._faults = CameraFaults(self.get_name())
        self._faults.order(config.faults)
        if config.source != DEVICE:
            self.create_subscription(String, config.fault_topic, self._on_fault, 10)
        self._capture = CaptureThread(
            lambda: make_source(config, self._joints, self._now_ns, self._faults),
            config.options(),
            self._publish,
            lambda text: self.get_logger().warning(text),
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', DIAGNOSTICS_QOS)
        create_steady_timer(self, _DIAGNOSTICS_PERIOD_S, self._publish_diagnostics)
        # Last, so that no camera stays open when anything else fails.
        self._capture.open_within(config.wait_for_device_s, stop.is_set)
        self._capture.start()
        self.get_logger().info(
            f'{config.source}: {config.width}x{config.height} at '
            f'{self._capture.source.rate_hz:g} fps'
        )

    def close(self) -> None:
        """Stop capturing."""
        self._capture.close()

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _read_calibration(self) -> intrinsics.Intrinsics | None:
        """Return what the calibration file says, if there is one."""
        url = self._config.camera_info_url
        if not url:
            return None
        found = intrinsics.read(intrinsics.local_path(url, _share_of), self._config.published_size)
        if found.camera_name not in ('', self.get_name()):
            self.get_logger().warning(
                f'{url} is the calibration of "{found.camera_name}", this is "{self.get_name()}"'
            )
        return found

    def _publish(self, frame: Frame) -> None:
        """Publish one picture with its info; called from the capture thread.

        What nobody listens to is neither decoded nor encoded.
        """
        header = Header()
        header.stamp = Time(nanoseconds=frame.stamp_ns).to_msg()
        header.frame_id = self._frame_id
        messages: list[tuple[Publisher, Image | CompressedImage]] = []
        if self._images.get_subscription_count():
            messages.append((self._images, image_message(frame, header)))
        if self._compressed is not None and self._compressed.get_subscription_count():
            jpeg = jpeg_message(frame, header, self._config.jpeg_quality)
            messages.append((self._compressed, jpeg))
        for publisher, message in messages:
            publisher.publish(message)
        self._infos.publish(info_message(self._intrinsics(frame), header))

    def _intrinsics(self, frame: Frame) -> intrinsics.Intrinsics:
        width, height = frame.size
        known = self._calibrated
        if known is None:
            focal_px = self._capture.source.focal_px
            if focal_px:
                return intrinsics.ideal(width, height, focal_px)
        elif (known.width, known.height) == (width, height):
            return known
        else:
            self.get_logger().error(
                f'pictures are {width}x{height}, the calibration is for '
                f'{known.width}x{known.height}: ~/camera_info says "not calibrated"',
                throttle_duration_sec=60.0,
            )
        return intrinsics.Intrinsics(width, height)

    def _publish_diagnostics(self) -> None:
        config = self._config
        name = self.get_fully_qualified_name().lstrip('/')
        hardware = {DEVICE: config.device}.get(config.source, config.source)
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        message.status = [status_message(name, hardware, self._capture)]
        self._diagnostics.publish(message)

    def _on_fault(self, message: String) -> None:
        try:
            count = self._faults.order(message.data)
        except ConfigError as error:
            self.get_logger().error('; '.join(error.problems))
            return
        if count:
            self.get_logger().info(f'{count} fault(s) ordered: {message.data}')

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


def _share_of(package: str) -> str:
    try:
        return str(get_package_share_directory(package))
    except PackageNotFoundError:
        raise ConfigError([f'camera_info_url: there is no package "{package}"']) from None


def main(args: list[str] | None = None) -> int:
    """Run one camera."""
    return run(CameraNode, args)


if __name__ == '__main__':
    sys.exit(main())
