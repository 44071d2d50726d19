"""A node beside a launched session: it hears what the robot does, and breaks parts of it."""

from __future__ import annotations

import json
import threading
import time
from types import TracebackType
from typing import Any, NamedTuple

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import String

from recorder_node.streams.messages import NS
from tests.conftest import wait_until

ARM = 'arm'
_QUEUE = 100
# A pause in 100 Hz commands or 30 Hz pictures that no busy machine makes by itself.
_PAUSE_S = 0.15


class Applied(NamedTuple):
    """One message of the follower about what it has written."""

    stamp_ns: int
    kind: str
    positions_rad: list[float]


class Listener:
    """Hears applied commands and cameras; injects faults into the simulation.

    Args:
        domain: of the session.
        cameras: names to listen to.
    """

    def __init__(self, domain: int, cameras: tuple[str, ...] = ()) -> None:
        self.applied: list[Applied] = []
        self._heard_s: dict[str, list[float]] = {name: [] for name in (ARM, *cameras)}
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self._node = rclpy.create_node('listener', context=self._context)
        self._node.create_subscription(
            JointState, '/follower/applied_commands', self._on_applied, QoSProfile(depth=_QUEUE)
        )
        for name in cameras:
            self._node.create_subscription(
                CameraInfo, f'/cameras/{name}/camera_info', self._hears(name), QoSProfile(depth=5)
            )
        self._faults = self._node.create_publisher(String, '/simulator/fault', 10)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._ending.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    @property
    def by_stamp(self) -> dict[int, list[float]]:
        """What was applied, by stamp (ns)."""
        return {entry.stamp_ns: entry.positions_rad for entry in self.applied}

    def moving(self) -> None:
        """Wait until everything is heard: commands that are followed, and pictures."""
        for part, heard_s in self._heard_s.items():
            wait_until(lambda heard_s=heard_s: len(heard_s) > 1, 60.0, part)

    def hear_more(self, count: int) -> None:
        """Wait for more commands that are followed."""
        heard_s = self._heard_s[ARM]
        wanted = len(heard_s) + count
        wait_until(lambda: len(heard_s) >= wanted, 60.0, 'the arm to follow')

    def inject(self, **fault: Any) -> None:
        """Order a fault; see docs/arm.md."""
        wait_until(lambda: self._faults.get_subscription_count() > 0, what='a simulator')
        self._faults.publish(String(data=json.dumps(fault)))

    def interrupt(self, part: str, for_s: float, **fault: Any) -> float:
        """Break a part for a while; return the seconds from the repair until it is heard again."""
        heard_s = self._heard_s[part]
        self.inject(for_s=for_s, **fault)
        repaired_s = time.monotonic() + for_s
        wait_until(lambda: time.monotonic() - heard_s[-1] > _PAUSE_S, 30.0, f'{part} to be gone')
        before = len(heard_s)
        wait_until(lambda: len(heard_s) > before, 60.0, f'{part} to be back')
        return heard_s[before] - repaired_s

    def _on_applied(self, message: JointState) -> None:
        stamp = message.header.stamp
        kind = message.header.frame_id
        stamp_ns = stamp.sec * NS + stamp.nanosec
        self.applied.append(Applied(stamp_ns, kind, list(message.position)))
        if kind == 'command':
            self._heard_s[ARM].append(time.monotonic())

    def _hears(self, name: str) -> Any:
        return lambda _message: self._heard_s[name].append(time.monotonic())

    def _spin(self) -> None:
        while not self._ending.is_set():
            self._executor.spin_once(timeout_sec=0.1)
