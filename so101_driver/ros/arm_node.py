"""What the follower's and the leader's node share: the arm's start, its messages, diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger

from so101_driver.arm import calibration
from so101_driver.arm.arm import So101Arm
from so101_driver.arm.arm_config import CURRENT, ArmConfig
from so101_driver.arm.arm_reading import ArmReading
from so101_driver.arm.control import ArmThread, connect_within
from so101_driver.arm.joints import JOINTS, FloatArray
from so101_driver.bus.bus import ServoBus
from so101_driver.common.errors import DriverError, LinkError
from so101_driver.ros.arm_diagnostics_node import arm_statuses
from so101_driver.ros.base_node import Stop, create_steady_timer

JOINT_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE
)
COMMAND_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE
)
_DIAGNOSTICS_PERIOD_S = 1.0


def joint_message(positions_rad: FloatArray, stamp_ns: int, frame_id: str = '') -> JointState:
    """Return a JointState with LeRobot's joint names, positions only."""
    message = JointState()
    message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    message.header.frame_id = frame_id
    message.name = list(JOINTS)
    message.position = positions_rad.tolist()
    return message


def state_message(reading: ArmReading, config: ArmConfig) -> JointState:
    """Return a reading as JointState, with velocity (rad/s) and effort where they are wanted.

    The effort is the motor's duty (-1..1, with sign) or its current (A), by the parameter
    `effort`. Neither is a torque: the servo measures none.
    """
    message = joint_message(reading.positions_rad, reading.stamp_ns)
    if config.publish_velocity_effort:
        message.velocity = reading.velocity_rad_s.tolist()
        effort = reading.current_a if config.effort == CURRENT else reading.load_duty
        message.effort = effort.tolist()
    return message


class ArmNode(Node):
    """A node that owns one arm and the thread that drives it."""

    def __init__(self, name: str, stop: Stop) -> None:
        super().__init__(name)
        self._stop = stop
        self._arm: So101Arm | None = None
        self._arm_thread: ArmThread | None = None

    def now_ns(self) -> int:
        """Return ROS time in integer nanoseconds."""
        return int(self.get_clock().now().nanoseconds)

    @contextmanager
    def released_on_error(self) -> Iterator[None]:
        """Close the arm, torque rule included, when the rest of the node cannot be made."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def open_arm(self, config: ArmConfig, role: str) -> So101Arm:
        """Check the calibration, wait for the port, connect; within `released_on_error`.

        Raises:
            DriverError: when the arm cannot be used, in words.
        """
        found = calibration.find(role, config.id, config.calibration, config.arm_model)
        bus = ServoBus(config.port, config.baudrate, config.answer_timeout_s)
        arm = So101Arm(bus, found, config.options(role), self.now_ns)
        connect_within(arm, config.port_wait_s, self._stop.is_set)
        # From here on it is ours to release; an arm that was refused is left as it was found.
        self._arm = arm
        for warning in arm.warnings:
            self.get_logger().warning(warning)
        self.get_logger().info(f'{config.port}: connected, calibration {found.source}')
        return arm

    def start_thread(
        self,
        arm: So101Arm,
        config: ArmConfig,
        cycle: Callable[[ArmReading], None],
        connected: Callable[[], None],
    ) -> ArmThread:
        """Offer diagnostics and begin to cycle."""
        self._arm_thread = thread = ArmThread(
            arm,
            config.rate_hz,
            cycle,
            connected,
            lambda text: self.get_logger().warning(text),
            config.control_niceness,
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', JOINT_QOS)
        create_steady_timer(self, _DIAGNOSTICS_PERIOD_S, lambda: self._publish_diagnostics(thread))
        thread.start()
        return thread

    def answer_torque(
        self, request: SetBool.Request, response: SetBool.Response, action: Callable[[bool], str]
    ) -> SetBool.Response:
        """Run a torque request between two cycles and say what came of it."""
        response.success, response.message = self._attempt(lambda: action(bool(request.data)))
        self.get_logger().info(f'set_torque {request.data}: {response.message}')
        return response

    def answer(
        self, word: str, response: Trigger.Response, action: Callable[[], str]
    ) -> Trigger.Response:
        """Run a request between two cycles and say what came of it."""
        response.success, response.message = self._attempt(action)
        self.get_logger().info(f'{word}: {response.message}')
        return response

    def state_text(self) -> str:
        """Return one line for diagnostics; nodes with more to say override it."""
        return str(self._arm.state.value) if self._arm else ''

    def details(self) -> Mapping[str, object]:
        """Return more key/value pairs for diagnostics."""
        return {}

    def close(self) -> None:
        """Stop cycling, apply the torque rule, close the port."""
        try:
            if self._arm_thread is not None:
                self._arm_thread.close()
            elif self._arm is not None:
                self._arm.close()
        except LinkError as error:
            # The whole bench may be going down; nothing more can be done for the arm from here.
            self.get_logger().warning(f'{error}; the motors were not released')
        except DriverError as error:
            self.get_logger().error(str(error))
            self._stop.exit_code = self._stop.exit_code or 1

    def _attempt(self, action: Callable[[], str]) -> tuple[bool, str]:
        if self._arm_thread is None:
            return False, 'the arm is not ready yet'
        try:
            return True, self._arm_thread.call(action)
        except (DriverError, TimeoutError) as error:
            return False, str(error)

    def _publish_diagnostics(self, thread: ArmThread) -> None:
        name = self.get_fully_qualified_name().lstrip('/')
        message = DiagnosticArray()
        message.status = arm_statuses(name, thread, self.state_text(), self.details())
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)
