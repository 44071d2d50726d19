"""Publishes the session's status (latched) and its reports on /diagnostics."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from recorder_node.episode.report import one_line
from recorder_node.session.conductor import Conductor
from recorder_node.session.machine import State
from recorder_node.session.status import flatten, values_of

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
_DIAGNOSTICS_PERIOD_S = 1.0


class StatusPublisher:
    """Writes what a conductor is doing; changes nothing.

    Args:
        node: Whose status it is.
        note: Told state and episode index with each status, in order.
    """

    def __init__(self, node: Node, note: Callable[[str, object], None]) -> None:
        self._node = node
        self._note = note
        self._status = node.create_publisher(DiagnosticStatus, '~/status', LATCHED)
        self._diagnostics = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._lock = threading.Lock()
        self._last_diagnostics_s = 0.0

    def publish(self, conductor: Conductor) -> None:
        """Publish the status, and once a second the same on /diagnostics."""
        with self._lock:
            clock = self._node.get_clock()
            values = values_of(conductor, int(clock.now().nanoseconds))
            fault = conductor.session.state is State.FAULT
            status = DiagnosticStatus(
                level=DiagnosticStatus.ERROR if fault else DiagnosticStatus.OK,
                name=f'{self._node.get_name()}: session',
                message=conductor.message,
                hardware_id=conductor.config.repo_id,
                values=[KeyValue(key=key, value=value) for key, value in flatten(values)],
            )
            self._status.publish(status)
            self._note(str(values['state']), values['episode_index'])
            now_s = time.monotonic()
            if now_s - self._last_diagnostics_s >= _DIAGNOSTICS_PERIOD_S:
                self._last_diagnostics_s = now_s
                self._publish_diagnostics(status)

    def publish_report(self, report: Mapping[str, Any]) -> None:
        """Publish a whole episode report as JSON on /diagnostics."""
        with self._lock:
            self._publish_diagnostics(
                DiagnosticStatus(
                    level=DiagnosticStatus.OK,
                    name=f'{self._node.get_name()}: episode {report["episode_index"]}',
                    message=one_line(report),
                    values=[KeyValue(key='report', value=json.dumps(report))],
                )
            )

    def _publish_diagnostics(self, status: DiagnosticStatus) -> None:
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._diagnostics.publish(array)
