"""Executable `console`: live status and keys in a terminal, beside launch or over ssh.

Children of launch have no standard input, so keys come from /dev/tty; without a terminal the
console says so and ends. In a background job it waits until that is brought to the foreground.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from std_srvs.srv import Trigger

from recorder_node.ros.status_node import LATCHED
from recorder_node.session.console import HELP, Keys, command_for, status_line
from recorder_node.session.console_terminal import KeyTerminal
from recorder_node.session.machine import COMMANDS, PUSH
from so101_driver.ros.base_node import Stop, run

_RECORDER = '/recorder'
_KEY_WAIT_S = 0.1


class ConsoleNode(Node):
    """Shows /recorder/status on one line and turns keys into service calls."""

    def __init__(self, stop: Stop, terminal: KeyTerminal) -> None:
        super().__init__('console')
        self._stop = stop
        self._terminal = terminal
        self._values: dict[str, str] = {}
        self._last_report = ''
        self._commands = {
            name: self.create_client(Trigger, f'{_RECORDER}/{name}')
            for name in (*(event.value for event in COMMANDS), PUSH)
        }
        self.create_subscription(DiagnosticStatus, f'{_RECORDER}/status', self._on_status, LATCHED)
        self._write_lock = threading.Lock()
        self._line(HELP)
        self._reader = threading.Thread(target=self._read_keys, name='keys', daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Read no more keys; the terminal goes back to its owner afterwards."""
        self._stop('closed')
        self._reader.join(timeout=1.0)
        self._terminal.write('\r\x1b[K')

    def _on_status(self, message: DiagnosticStatus) -> None:
        self._values = {pair.key: pair.value for pair in message.values}
        report = self._values.get('last_report', '')
        if report and report != self._last_report:
            self._last_report = report
            self._line(f'last episode: {report}')
        with self._write_lock:
            line = status_line(self._values, self._terminal.width())
            self._terminal.write(f'\r\x1b[K{line}')
        if self._values.get('ending') == 'true':
            self._stop('the session is over')

    def _read_keys(self) -> None:
        keys = Keys()
        try:
            while not self._stop.is_set():
                typed = self._terminal.read(_KEY_WAIT_S)
                for key in keys.feed(typed, time.monotonic()):
                    self._press(key)
        except OSError as error:
            self._stop(f'no terminal any more: {error}')

    def _press(self, key: str) -> None:
        name = command_for(key, self._values.get('state', ''))
        if name is None:
            if key in ('h', '?'):
                self._line(HELP)
            return
        client = self._commands[name]
        if not client.service_is_ready():
            self._line(f'{name}: the recorder is not there')
            return
        self._line(f'{name} ...')
        client.call_async(Trigger.Request()).add_done_callback(self._show_reply)

    def _show_reply(self, future: Any) -> None:
        reply = future.result()
        self._line(('' if reply.success else 'refused: ') + reply.message)

    def _line(self, text: str) -> None:
        with self._write_lock:
            self._terminal.write(f'\r\x1b[K{text}\r\n')


def main(args: list[str] | None = None) -> int:
    """Run the console on the controlling terminal."""
    try:
        descriptor = os.open('/dev/tty', os.O_RDWR | os.O_NOCTTY)
    except OSError as error:
        print(
            f'no terminal for the console ({error}); use the services or {_RECORDER}/command',
            file=sys.stderr,
        )
        return 0
    try:
        with KeyTerminal(descriptor) as terminal:
            return run(lambda stop: ConsoleNode(stop, terminal), args)
    finally:
        os.close(descriptor)


if __name__ == '__main__':
    sys.exit(main())
