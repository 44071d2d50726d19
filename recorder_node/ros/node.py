"""The recorder node: wires topics, timers and services to the conductor."""

from __future__ import annotations

import sys
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

from recorder_node.cli.recover import settle_unfinished
from recorder_node.contract import contract_file
from recorder_node.dataset import layout
from recorder_node.dataset.lock import RootLock
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.encoding.codec_choice import choose_for
from recorder_node.encoding.heap import use_one_heap
from recorder_node.episode import report as reports
from recorder_node.episode.take import leftovers
from recorder_node.ros.clock_node import RosClock
from recorder_node.ros.status_node import StatusPublisher
from recorder_node.ros.streams_node import AdaptiveSubscription, StreamSubscriptions
from recorder_node.session.conductor import Conductor
from recorder_node.session.config import RecorderConfig
from recorder_node.session.engine import Saved, Undone
from recorder_node.session.machine import COMMANDS, FAULT, PUSH, Event
from recorder_node.session.surroundings import Surroundings
from recorder_node.session.voice import make_voice
from recorder_node.streams.messages import load_units
from recorder_node.streams.sampler import make_buffers
from so101_driver.common.errors import DriverError
from so101_driver.ros.base_node import Stop, create_steady_timer, declare, run
from so101_driver.ros.data_node import DataListener

# Two saves may wait in their services while timers and commands are served.
_THREADS = 4
_TICK_S = 0.02
_REFRESH_S = 0.5
_STATUS_S = 0.2
_HISTORY_S = 2.0


class RecorderNode(Node):
    """Records episodes as the session's state table says."""

    def __init__(self, stop: Stop, **node_options: Any) -> None:
        super().__init__('recorder', **node_options)
        config = declare(self, RecorderConfig)
        contract = contract_file.load(config.contract)
        if config.camera_names is not None:
            contract = contract.with_cameras(config.camera_names)
        if not config.video:
            contract = contract.stored_as_images()
        contract.check_fps(config.fps)
        converter = load_units(config.units, config.calibration, contract)
        choice = choose_for(contract, config.vcodec, config.fps)
        self.get_logger().info(f'video: {choice.reason}')
        self._stop = stop
        self._task: AdaptiveSubscription | None = None
        self._open_dataset(config, contract)
        buffers = make_buffers(contract, config.effective_row_delay_s + _HISTORY_S)
        self._listener = DataListener(self, stop)
        self._streams = StreamSubscriptions(
            self, self._listener, contract, buffers, converter, self._on_refused
        )
        self._voice = make_voice(self.get_logger()) if config.play_sounds else None
        note = self._voice.note if self._voice else lambda _state, _episode: None
        self._status = StatusPublisher(self, note)
        around = Surroundings(
            clock=RosClock(self),
            log=self.get_logger(),
            graph=self._streams,
            has_publisher=lambda topic: self.count_publishers(topic) > 0,
            changed=self._publish_status,
            reported=self._status.publish_report,
            stop=stop,
        )
        self.conductor = Conductor(config, contract, buffers, self._writer, around, choice.codec)
        self._make_interfaces(contract.task_topic)
        self._greet(config)
        self._listener.start()

    def _open_dataset(self, config: RecorderConfig, contract: Any) -> None:
        root = config.dataset_root
        layout.check_root(root, config.resume)
        self._root_lock = RootLock(layout.recording_folder(root))
        log = self.get_logger()
        try:
            recovered = settle_unfinished(root, config, log)
            self._writer = DatasetWriter(
                root,
                describe(contract, config.fps, config.codebase_version),
                config.resume or recovered,
            )
        except DriverError:
            self._root_lock.close()
            raise
        for text in self._writer.repaired:
            log.warning(f'{root}: {text}')

    def _make_interfaces(self, task_topic: str) -> None:
        commands = ReentrantCallbackGroup()
        for event in COMMANDS:
            self.create_service(
                Trigger, f'~/{event.value}', self._service(event), callback_group=commands
            )
        self.create_service(Trigger, f'~/{PUSH}', self._on_push, callback_group=commands)
        self.create_subscription(String, '~/command', self._on_command, 10, callback_group=commands)
        if task_topic:
            self._task = AdaptiveSubscription(
                self, self._listener, task_topic, 'std_msgs/msg/String', self._on_task, 10
            )
        for period_s, callback in (
            (_TICK_S, self._on_tick),
            (_STATUS_S, self._on_status_time),
            (_REFRESH_S, self._refresh),
        ):
            create_steady_timer(self, period_s, callback, MutuallyExclusiveCallbackGroup())

    def _refresh(self) -> None:
        self._streams.refresh()
        if self._task is not None:
            self._task.refresh()

    def _greet(self, config: RecorderConfig) -> None:
        log, root = self.get_logger(), self._writer.root
        for warning in config.warnings():
            log.warning(warning)
        for folder in leftovers(layout.recording_folder(root)):
            log.warning(
                f'an unfinished take of an earlier session is kept in {folder}; save it after this '
                f'session with: ros2 run recorder recover {root}'
            )
        how = '' if config.start == 'auto' else '; start_episode begins each (start: manual)'
        log.info(
            f'dataset {config.repo_id} at {root}: {self._writer.total_episodes} episodes, '
            f'{config.num_episodes} to record{how}'
        )

    def _service(self, event: Event) -> Any:
        def serve(_request: Any, response: Any) -> Any:
            decision, futures = self.conductor.command(event)
            response.success, response.message = decision.accepted, decision.reason
            if not decision.accepted:
                self.get_logger().warning(decision.reason)
                return response
            try:
                results = [future.result() for future in futures]
            except Exception as error:
                response.success = False
                response.message = f'{decision.reason}, but it could not be written: {error}'
                return response
            for saved in results:
                if isinstance(saved, Saved):
                    response.message = (
                        f'episode {saved.episode_index} saved: {reports.one_line(saved.report)}'
                    )
                elif isinstance(saved, Undone):
                    response.message = f'episode {saved.episode_index} is removed'
            return response

        return serve

    def _on_command(self, message: String) -> None:
        """The services' words on a topic, which also crosses DDS vendors."""
        word = message.data.strip()
        if word == PUSH:
            self._push()
            return
        for event in COMMANDS:
            if word in (event.value, event.value.removesuffix('_episode')):
                decision, _ = self.conductor.command(event)
                if not decision.accepted:
                    self.get_logger().warning(decision.reason)
                return
        if word.startswith(FAULT):
            reason = word.removeprefix(FAULT).strip(': ') or 'the robot failed'
            if not self.conductor.fault(reason, failure=True):
                self.get_logger().warning(f'"{word}" comes outside an episode')
            return
        known = ', '.join((*(event.value for event in COMMANDS), PUSH))
        self.get_logger().warning(f'unknown command "{word}"; known: {known}')

    def _on_push(self, _request: Any, response: Any) -> Any:
        response.success, response.message = self._push()
        return response

    def _push(self) -> tuple[bool, str]:
        accepted, words = self.conductor.push()
        if not accepted:
            self.get_logger().warning(words)
        return accepted, words

    def _on_task(self, message: String) -> None:
        if message.data.strip():
            self.conductor.task = message.data.strip()

    def _on_refused(self, reason: str) -> None:
        self.get_logger().warning(reason, throttle_duration_sec=2.0)

    def _on_tick(self) -> None:
        if not self._stop.is_set():
            self.conductor.tick()

    def _on_status_time(self) -> None:
        self.conductor.check_disk()
        self.conductor.check_publishers()
        self._publish_status()

    def _publish_status(self) -> None:
        self._status.publish(self.conductor)

    def close(self) -> None:
        """Settle the takes and release the dataset."""
        self.conductor.close()
        self._listener.close()
        self._root_lock.close()
        self._publish_status()
        if self._voice:
            self._voice.close()


def main(args: list[str] | None = None) -> int:
    """Run the recorder."""
    use_one_heap()
    return run(RecorderNode, args, threads=_THREADS)


if __name__ == '__main__':
    sys.exit(main())
