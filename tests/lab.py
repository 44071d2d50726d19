"""The recorder node and a foreign robot in one process, over real topics and services."""

from __future__ import annotations

import threading
from array import array
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import Trigger

from recorder_node.node import RecorderNode
from recorder_node.status_node import LATCHED
from so101_driver.base_node import Stop
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
        self._spoilt = 0
        self.statuses: list[dict[str, str]] = []
        self._joints = self.create_publisher(JointState, '/lab/joint_states', 10)
        self._commands = self.create_publisher(Float64MultiArray, '/lab/commands', 10)
        self._camera = self.create_publisher(Image, '/lab/camera', BEST_EFFORT)
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

    def __init__(self, tmp_path: Path, **parameters: Any) -> None:
        contract = tmp_path / 'lab.yaml'
        contract.write_text(CONTRACT)
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
        self._executors = [MultiThreadedExecutor(4), SingleThreadedExecutor()]
        self._threads = []
        self._ending = threading.Event()
        for executor, node in zip(self._executors, (self.recorder, self.lab), strict=True):
            executor.add_node(node)
            thread = threading.Thread(target=self._spin, args=(executor,))
            thread.start()
            self._threads.append(thread)

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
        for thread in self._threads:
            thread.join()
        self.recorder.close()
        for executor in self._executors:
            executor.shutdown()
        self.recorder.destroy_node()
        self.lab.destroy_node()
