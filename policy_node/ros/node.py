"""The policy node: a LeRobot checkpoint commands the follower, episode by episode."""

from __future__ import annotations

import sys
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from numpy.typing import NDArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from policy_node.errors import CheckpointError, PolicyError
from policy_node.evaluation.replay import make_guard
from policy_node.ros.source_node import SourceChooser
from policy_node.runtime.config import LEROBOT, PolicyConfig
from policy_node.runtime.latency import LatencyLog
from policy_node.runtime.loading import load
from policy_node.runtime.observation import ObservationError, Observer
from policy_node.runtime.runner import Runner, Settings
from recorder_node.contract import contract_file
from recorder_node.contract.contract import Contract, Source
from recorder_node.ros.clock_node import RosClock
from recorder_node.ros.status_node import LATCHED
from recorder_node.ros.streams_node import StreamSubscriptions
from recorder_node.session.gate import Gate
from recorder_node.session.machine import FAULT, State
from recorder_node.streams.messages import load_units
from recorder_node.streams.sampler import make_buffers
from so101_driver.arm import calibration, units
from so101_driver.ros.base_node import Stop, create_steady_timer, declare, run
from so101_driver.ros.data_node import DataListener

_THREADS = 4
_HISTORY_S = 1.0
_REFRESH_S = 0.2
_DIAGNOSTICS_S = 1.0
_CLOSE_S = 2.0
_ANSWER_S = 2.0
_STATUS = '/recorder/status'
_COMMAND = '/recorder/command'


class PolicyNode(Node):
    """Wires topics, services and timers to a `Runner`."""

    def __init__(self, stop: Stop, **node_options: Any) -> None:
        super().__init__('policy', **node_options)
        self._stop = stop
        self._config = config = declare(self, PolicyConfig)
        contract = contract_file.load(config.contract)
        self._action = _action_source(contract)
        self._calibration = calibration.load(config.calibration)
        converter = load_units(config.units, config.calibration, contract.observations())
        policy = load(config, contract, self.get_logger())
        buffers = make_buffers(contract.observations(), _HISTORY_S)
        self._listener = DataListener(self, stop)
        self._streams = StreamSubscriptions(
            self, self._listener, contract.observations(), buffers, converter, self._on_refused
        )
        self._gate = Gate(buffers, RosClock(self), self._streams)
        self._observer = Observer(contract, buffers, config.fps, config.max_observation_age_s)
        self._commands: Publisher | None = None
        self._runner = Runner(
            policy,
            self._observer.observe,
            make_guard(
                self._action.joints,
                self._calibration,
                config.limit_margin_rad,
                config.max_step_rad,
            ),
            self._to_rad,
            self._send,
            self._on_failed,
            Settings(config.fps, config.queue != LEROBOT, config.max_wait_s),
        )
        self._total = LatencyLog()
        self._episode = ('', '')
        self._reason = 'waiting for an episode' if config.follow_session else 'stopped'
        self._make_interfaces()
        self._listener.start()

    def _make_interfaces(self) -> None:
        services = ReentrantCallbackGroup()
        words = (('start', self._start_on_request), ('stop', self._halt), ('reset', self._reset))
        for name, serve in words:
            self.create_service(Trigger, f'~/{name}', _answering(serve), callback_group=services)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._faults = self.create_publisher(String, _COMMAND, 10)
        self._source = SourceChooser(self, services)
        for period_s, callback in (
            (1.0 / self._config.fps, self._on_tick),
            (_REFRESH_S, self._refresh),
            (_DIAGNOSTICS_S, self._on_diagnostics),
        ):
            create_steady_timer(self, period_s, callback, MutuallyExclusiveCallbackGroup())

    def _refresh(self) -> None:
        """Follow the publishers' offers; be ready once everything can be seen."""
        self._streams.refresh()
        if self._commands is not None:
            return
        try:
            self._observer.observe(int(self.get_clock().now().nanoseconds))
        except ObservationError as error:
            why = self._gate.why_shut(paused=False) or error
            self.get_logger().info(f'waiting: {why}', throttle_duration_sec=5.0)
            return
        for text in self._gate.mixed():
            self.get_logger().warning(text)
        # Its presence tells that the policy is loaded, warm and sees; recordings wait for it.
        self._commands = self.create_publisher(JointState, '~/joint_commands', 10)
        if self._config.follow_session:
            self.create_subscription(DiagnosticStatus, _STATUS, self._on_status, LATCHED)

    def _to_rad(self, action: NDArray[np.float32]) -> NDArray[np.float64]:
        source = self._action
        return np.asarray(
            units.units_to_rad(action, source.joints, self._config.units, self._calibration)
        )

    def _send(self, action_rad: NDArray[np.float64]) -> None:
        message = JointState(name=list(self._action.joints), position=action_rad.tolist())
        message.header.stamp = self.get_clock().now().to_msg()
        if self._commands is not None:
            self._commands.publish(message)

    def _on_tick(self) -> None:
        if not self._stop.is_set():
            self._runner.tick(int(self.get_clock().now().nanoseconds))

    def _on_status(self, message: DiagnosticStatus) -> None:
        values = {pair.key: pair.value for pair in message.values}
        state, before = values.get('state', ''), self._episode[0]
        episode = (state, values.get('episode_index', ''))
        if episode == self._episode:
            return
        self._episode = episode
        if state == State.RECORDING.value:
            self._start(self._on_switched)
        elif before == State.RECORDING.value:
            self._halt()

    def _start(self, answered: Callable[[str], None]) -> None:
        """Begin at once; a follower that refuses to obey tells so a moment later."""
        if self._commands is None:
            raise PolicyError('not ready: something cannot be seen yet')
        self._runner.start()
        self._reason = ''
        self._source.choose('policy', answered)
        self.get_logger().info('the policy drives the arm')

    def _start_on_request(self) -> str:
        answers: SimpleQueue[str] = SimpleQueue()
        self._start(answers.put)
        try:
            refusal = answers.get(timeout=_ANSWER_S)
        except Empty:
            return 'started; the follower has not answered yet'
        self._on_switched(refusal)
        if refusal:
            raise PolicyError(refusal)
        return 'started'

    def _on_switched(self, refusal: str) -> None:
        if refusal and self._runner.running:
            self._runner.stop()
            self._on_failed(refusal)

    def _halt(self) -> str:
        if self._runner.running:
            self._runner.stop()
            self._reason = 'stopped'
            self.get_logger().info(f'the policy has stopped: {self._runner.log.describe()}')
        self._account()
        if self._config.leader_resets:
            self._source.choose('leader')
        return 'stopped; the follower holds'

    def _reset(self) -> str:
        self._runner.reset()
        return 'history and actions are forgotten'

    def _account(self) -> None:
        self._total.add(self._runner.log)
        self._runner.log = LatencyLog()

    def _on_failed(self, reason: str) -> None:
        self._reason = reason
        self.get_logger().error(f'the policy has stopped, the follower holds: {reason}')
        self._faults.publish(String(data=f'{FAULT}: the policy stopped: {reason}'))
        self._account()

    def _on_refused(self, reason: str) -> None:
        self.get_logger().warning(reason, throttle_duration_sec=2.0)

    def _on_diagnostics(self) -> None:
        log, running = self._runner.log, self._runner.running
        if running and log.held:
            takes_turns = self._config.queue == LEROBOT and log.held < log.actions
            cause = (
                'the arm holds while the network computes (queue:=prefetch computes ahead)'
                if takes_turns
                else 'the network is slower than its actions last, the arm holds'
            )
            self.get_logger().warning(f'{cause}: {log.describe()}', throttle_duration_sec=10.0)
        failed = not running and self._reason not in ('', 'stopped', 'waiting for an episode')
        status = DiagnosticStatus(
            level=DiagnosticStatus.ERROR if failed else DiagnosticStatus.OK,
            name=f'{self.get_name()}: inference',
            message='running' if running else self._reason,
            hardware_id=self._config.policy_path,
            values=[KeyValue(key=k, value=str(v)) for k, v in log.values().items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def close(self) -> None:
        """Stop sending; the network is given a moment to come back."""
        self._account()
        self._listener.close()
        if not self._runner.close(_CLOSE_S):
            self.get_logger().warning('the network is still computing; its thread is left behind')
        if self._total.actions:
            self.get_logger().info(f'policy, all episodes: {self._total.describe()}')


def _answering(serve: Any) -> Any:
    def answer(_request: Any, response: Any) -> Any:
        try:
            response.success, response.message = True, serve()
        except PolicyError as error:
            response.success, response.message = False, str(error)
        return response

    return answer


def _action_source(contract: Contract) -> Source:
    for feature in contract.features:
        if feature.name == 'action' and len(feature.sources) == 1 and feature.sources[0].joints:
            return feature.sources[0]
    raise CheckpointError('contract', ['there is no action made of joints, nothing to command'])


def main(args: list[str] | None = None) -> int:
    """Run the policy node."""
    return run(PolicyNode, args, threads=_THREADS)


if __name__ == '__main__':
    sys.exit(main())
