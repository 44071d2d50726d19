"""Publishes the recorder's status (latched) and its reports on /diagnostics."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from recorder_node.messages import NS
from recorder_node.report import one_line
from recorder_node.session import State
from recorder_node.status import flatten

if TYPE_CHECKING:
    from recorder_node.node import RecorderNode

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
_DIAGNOSTICS_PERIOD_NS = NS


class StatusPublisher:
    """Writes what the node is doing; reads the node, changes nothing."""

    def __init__(self, node: RecorderNode) -> None:
        self._node = node
        self._status = node.create_publisher(DiagnosticStatus, '~/status', LATCHED)
        self._diagnostics = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._lock = threading.Lock()
        self._last_diagnostics_ns = 0

    def publish(self) -> None:
        """Publish the status, and once a second the same on /diagnostics."""
        with self._lock:
            status = self._message(flatten(self._values()))
            self._status.publish(status)
            now_ns = self._node.clock.steady_ns()
            if now_ns - self._last_diagnostics_ns >= _DIAGNOSTICS_PERIOD_NS:
                self._last_diagnostics_ns = now_ns
                self._publish_diagnostics(status)

    def publish_report(self, report: dict[str, Any]) -> None:
        """Publish a whole episode report as JSON on /diagnostics."""
        with self._lock:
            status = self._message([('report', json.dumps(report))])
            status.name = f'{self._node.get_name()}: episode {report["episode_index"]}'
            status.message = one_line(report)
            self._publish_diagnostics(status)

    def _publish_diagnostics(self, status: DiagnosticStatus) -> None:
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def _message(self, pairs: list[tuple[str, str]]) -> DiagnosticStatus:
        node = self._node
        fault = node.session.state is State.FAULT
        return DiagnosticStatus(
            level=DiagnosticStatus.ERROR if fault else DiagnosticStatus.OK,
            name=f'{node.get_name()}: session',
            message=node.message,
            hardware_id=node.config.repo_id,
            values=[KeyValue(key=key, value=value) for key, value in pairs],
        )

    def _episode_index(self) -> int:
        """Index of the take at hand; during a reset that of the next one, if this is kept."""
        index = self._node.writer.total_episodes + self._node.engine.waiting_takes
        resetting = self._node.session.state is State.RESET
        return index + (resetting and self._node.engine.pending is not None)

    def _values(self) -> dict[str, object]:
        node = self._node
        session, engine, config = node.session, node.engine, node.config
        recording = engine.running or engine.pending
        rows = recording.take.rows if recording else 0
        now_ns = node.clock.now_ns()
        deadline_ns = node.deadline_ns
        values: dict[str, object] = {
            'state': session.state.value,
            'episode_index': self._episode_index(),
            'episodes_saved': session.saved,
            'num_episodes': config.num_episodes,
            'total_episodes': node.writer.total_episodes,
            'task': node.task,
            'rows': rows,
            'seconds': rows / config.fps,
            'remaining_s': None if deadline_ns is None else max(0.0, (deadline_ns - now_ns) / NS),
            'pending': engine.pending is not None,
            'publishing': engine.waiting_takes,
            'lost': recording.lost if recording else 0,
            'waiting_frames': recording.take.waiting_frames if recording else 0,
            'free_mb': node.free_mb(),
            'message': node.message,
            'last_report': one_line(node.last_report) if node.last_report else None,
            'repo_id': config.repo_id,
            'root': node.root,
            'fps': config.fps,
        }
        for key, buffer in node.buffers.items():
            newest = buffer.newest()
            values[f'age_ms.{key}'] = (
                None if newest is None else round((now_ns - newest.stamp_ns) / 1e6, 1)
            )
            values[f'rate_hz.{key}'] = None if newest is None else round(buffer.rate_hz(), 1)
        return values
