"""The recorder node and a foreign robot in one process, over real topics and services."""

from __future__ import annotations

import threading
from array import array
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.executors import Executor, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import Trigger

from recorder_node.ros.node import RecorderNode
from recorder_node.ros.status_node import LATCHED
from so101_driver.ros.base_node import Stop
from tests.conftest import wait_until

CONTRACT = """
version: 1
robot_type: lab_arm
task_topic: /lab/task
features:
  action:
    topic: /lab/commands
    type: std_msgs/msg/Float64MultiArray
    names: [lift.pos, pan.pos]
    align: next
    max_age_s: 0.5
  observation.state:
    topic: /lab/joint_states
    type: sensor_msgs/msg/JointState
    joints: [arm_pan_joint, arm_lift_joint]
    names: [pan.pos, lift.pos]
    units: degrees
    max_age_s: 0.5
  observation.images.top:
    topic: /lab/camera
    type: sensor_msgs/msg/Image
    shape: [48, 64, 3]
    max_age_s: 0.5
"""
BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


class Lab(Node):
    """A robot that knows nothing of us: prefixed and permuted joints, headerless commands."""

    def __init__(self) -> None:
        super().__init__('lab')
        self.angle = 0.0
        self.width = 64
        self.silent = False
        # The time of a simulator, 0 when there is none, and how far it goes with each message.
        self.simulated_ns = 0
        self.simulated_step_ns = 20_000_000
        self._spoilt = 0
        self.statuses: list[dict[str, str]] = []
        self._joints = self.create_publisher(JointState, '/lab/joint_states', 10)
        self._commands = self.create_publisher(Float64MultiArray, '/lab/commands', 10)
        self._camera = self.create_publisher(Image, '/lab/camera', BEST_EFFORT)
        self._simulator = self.create_publisher(Clock, '/clock', 10)
        self.task = self.create_publisher(String, '/lab/task', 10)
        self.command = self.create_publisher(String, '/recorder/command', 10)
        self.create_subscription(DiagnosticStatus, '/recorder/status', self._on_status, LATCHED)
        self.create_timer(0.02, self._publish)

    def spoil(self, messages: int) -> None:
        """Let so many joint states hold no number."""
        self._spoilt = messages

    def _on_status(self, message: DiagnosticStatus) -> None:
        self.statuses.append({pair.key: pair.value for pair in message.values})

    def _publish(self) -> None:
        self.angle += 0.01
        stamp = self.get_clock().now().to_msg()
        if self.simulated_ns:
            self.simulated_ns += self.simulated_step_ns
            stamp = Time(nanoseconds=self.simulated_ns).to_msg()
            self._simulator.publish(Clock(clock=stamp))
            if not self.simulated_step_ns:
                return
        joints = JointState()
        joints.header.stamp = stamp
        joints.name = ['arm_grip_joint', 'arm_lift_joint', 'arm_pan_joint']
        joints.position = [9.0, -self.angle, self.angle]
        if self._spoilt:
            self._spoilt -= 1
            joints.position[1] = float('nan')
        self._joints.publish(joints)
        self._commands.publish(Float64MultiArray(data=[self.angle, 0.5]))
        if self.silent:
            return
        image = Image(height=48, width=self.width, encoding='bgr8', step=self.width * 3)
        image.header.stamp = stamp
        image.data = array('B', bytes([0, 0, 200]) * (48 * self.width))
        self._camera.publish(image)


class Bench:
    """Recorder and lab, spinning in threads."""

    def __init__(self, tmp_path: Path, contract_text: str = CONTRACT, **parameters: Any) -> None:
        contract = tmp_path / 'lab.yaml'
        contract.write_text(contract_text)
        self.root = tmp_path / 'ds'
        values = {
            'contract': str(contract), 'repo_id': 'me/lab', 'single_task': 'wave',
            'start': 'manual', 'root': str(self.root), 'fps': 20, 'episode_time_s': 30.0,
            'reset_time_s': 30.0, 'num_episodes': 10, 'max_gap_s': 0.5, **parameters,
        }  # fmt: skip
        self.stop = Stop()
        self.lab = Lab()
        self.recorder = RecorderNode(
            self.stop, parameter_overrides=[Parameter(n, value=v) for n, v in values.items()]
        )
        self.clients = {
            word: self.lab.create_client(Trigger, f'/recorder/{word}')
            for word in ('start_episode', 'save_episode', 'discard_episode', 'finish')
        }
        self._spun: list[tuple[Node, Executor, threading.Thread]] = []
        self._ending = threading.Event()
        self.spin(self.recorder, MultiThreadedExecutor(4))
        self.spin(self.lab)

    def spin(self, node: Node, executor: Executor | None = None) -> None:
        """Spin a node in a thread; it is destroyed at the end."""
        executor = executor or SingleThreadedExecutor()
        executor.add_node(node)
        thread = threading.Thread(target=self._spin, args=(executor,))
        self._spun.append((node, executor, thread))
        thread.start()

    def _spin(self, executor: Any) -> None:
        while not self._ending.is_set():
            executor.spin_once(timeout_sec=0.1)

    def call(self, word: str) -> Trigger.Response:
        """Call a service of the recorder."""
        assert self.clients[word].wait_for_service(timeout_sec=20.0)
        future = self.clients[word].call_async(Trigger.Request())
        wait_until(future.done, what=word)
        return future.result()

    def start(self) -> None:
        """Start an episode as soon as the gate opens."""
        wait_until(lambda: self.call('start_episode').success, what='a start')

    @property
    def status(self) -> dict[str, str]:
        """The newest status."""
        return self.lab.statuses[-1] if self.lab.statuses else {}

    def record_rows(self, rows: int) -> None:
        """Wait until the running take has so many rows."""
        wait_until(lambda: self.recorder.conductor.engine.running.take.rows >= rows, what='rows')

    def close(self) -> None:
        """Stop everything."""
        self._ending.set()
        for _, _, thread in self._spun:
            thread.join()
        self.recorder.close()
        for node, executor, _ in self._spun:
            executor.shutdown()
            node.destroy_node()
