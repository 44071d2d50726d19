"""What the follower's and the leader's node share: the arm's start, its messages, diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from so101_driver import calibration
from so101_driver.arm import ArmReading, So101Arm
from so101_driver.arm_config import ArmConfig
from so101_driver.base_node import Stop, create_steady_timer
from so101_driver.bus import ServoBus
from so101_driver.control import ArmThread, connect_within
from so101_driver.errors import DriverError, LinkError
from so101_driver.joints import JOINTS, FloatArray

JOINT_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE
)
COMMAND_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE
)
_DIAGNOSTICS_PERIOD_S = 1.0


def joint_message(positions_rad: FloatArray, stamp_ns: int, frame_id: str = '') -> JointState:
    """Return a JointState with LeRobot's joint names."""
    message = JointState()
    message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    message.header.frame_id = frame_id
    message.name = list(JOINTS)
    message.position = positions_rad.tolist()
    return message


class ArmNode(Node):
    """A node that owns one arm and the thread that drives it."""

    def __init__(self, name: str, stop: Stop) -> None:
        super().__init__(name)
        self._stop = stop

    def now_ns(self) -> int:
        """Return ROS time in integer nanoseconds."""
        return int(self.get_clock().now().nanoseconds)

    def open_arm(self, config: ArmConfig, role: str) -> So101Arm:
        """Check the calibration, wait for the port, connect.

        Raises:
            DriverError: when the arm cannot be used, in words.
        """
        found = calibration.find(role, config.id, config.calibration)
        bus = ServoBus(config.port, config.baudrate, config.answer_timeout_s)
        arm = So101Arm(bus, found, config.options(role), self.now_ns)
        connect_within(arm, config.port_wait_s, self._stop.is_set)
        for warning in arm.warnings:
            self.get_logger().warning(warning)
        self.get_logger().info(f'{config.port}: connected, calibration {found.source}')
        return arm

    def start_thread(
        self,
        arm: So101Arm,
        rate_hz: float,
        cycle: Callable[[ArmReading], None],
        connected: Callable[[], None],
    ) -> ArmThread:
        """Offer diagnostics and begin to cycle."""
        self._arm_thread = ArmThread(
            arm, rate_hz, cycle, connected, lambda text: self.get_logger().warning(text)
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', JOINT_QOS)
        create_steady_timer(self, _DIAGNOSTICS_PERIOD_S, self._publish_diagnostics)
        self._arm_thread.start()
        return self._arm_thread

    def answer_torque(
        self, request: SetBool.Request, response: SetBool.Response, action: Callable[[bool], str]
    ) -> SetBool.Response:
        """Run a torque request between two cycles and say what came of it."""
        try:
            response.message = self._arm_thread.call(lambda: action(bool(request.data)))
            response.success = True
        except (DriverError, TimeoutError) as error:
            response.success, response.message = False, str(error) or 'the arm does not respond'
        self.get_logger().info(f'set_torque {request.data}: {response.message}')
        return response

    def state_text(self) -> str:
        """Return one line for diagnostics; nodes with more to say override it."""
        return str(self._arm_thread.arm.state.value)

    def details(self) -> Mapping[str, object]:
        """Return more key/value pairs for diagnostics."""
        return {}

    def close(self) -> None:
        """Stop cycling, apply the torque rule, close the port."""
        try:
            self._arm_thread.close()
        except LinkError as error:
            # The whole bench may be going down; nothing more can be done for the arm from here.
            self.get_logger().warning(f'{error}; the motors were not released')
        except DriverError as error:
            self.get_logger().error(str(error))
            self._stop.exit_code = self._stop.exit_code or 1

    def _publish_diagnostics(self) -> None:
        thread = self._arm_thread
        faults = thread.arm.faults()
        status = DiagnosticStatus()
        status.name = f'{self.get_fully_qualified_name().lstrip("/")}: arm'
        status.hardware_id = str(thread.arm.bus.port.port_name)
        status.message = '; '.join([thread.problem or self.state_text(), *faults])
        status.level = DiagnosticStatus.OK
        if faults:
            status.level = DiagnosticStatus.WARN
        if thread.problem:
            status.level = DiagnosticStatus.ERROR
        counters = thread.arm.bus.counters
        values = {
            'state': thread.arm.state.value,
            'cycles': thread.cycles,
            'bad_cycles': thread.bad_cycles,
            'skipped_cycles': thread.grid.skipped,
            'reconnects': thread.reconnects,
            'damaged_bytes': thread.arm.bus.damaged_bytes,
            **self.details(),
        }
        for joint, servo_id in thread.arm.calibration.ids.items():
            if servo_id in counters:
                values[f'{joint}.retries'] = counters[servo_id].retries
                values[f'{joint}.failures'] = counters[servo_id].failures
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)
