"""Executable `console`: live status and keys in a terminal, beside launch or over ssh.

Children of launch have no standard input, so keys come from /dev/tty; without a terminal the
console says so and ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import threading
import tty
from typing import Any, TextIO

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from std_srvs.srv import Trigger

from recorder_node.console import HELP, command_for, split_keys, status_line
from recorder_node.session import COMMANDS, PUSH
from recorder_node.status_node import LATCHED
from so101_driver.base_node import Stop, run
from so101_driver.errors import DriverError

_RECORDER = '/recorder'
_KEY_WAIT_S = 0.1
_WIDTH = 100


class ConsoleNode(Node):
    """Shows /recorder/status on one line and turns keys into service calls."""

    def __init__(self, stop: Stop, terminal: TextIO) -> None:
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
        self._descriptor = terminal.fileno()
        self._saved_mode = termios.tcgetattr(self._descriptor)
        # Keys come one by one and unseen; Ctrl-C still interrupts and output is left alone.
        tty.setcbreak(self._descriptor)
        self._write_lock = threading.Lock()
        self._line(HELP)
        self._reader = threading.Thread(target=self._read_keys, name='keys', daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Give the terminal back as it was."""
        self._stop('closed')
        self._reader.join(timeout=1.0)
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._saved_mode)
            self._terminal.write('\r\x1b[K')
            self._terminal.flush()

    def _on_status(self, message: DiagnosticStatus) -> None:
        self._values = {pair.key: pair.value for pair in message.values}
        report = self._values.get('last_report', '')
        if report and report != self._last_report:
            self._last_report = report
            self._line(f'last episode: {report}')
        with self._write_lock:
            self._terminal.write('\r\x1b[K' + status_line(self._values, self._width()))
            self._terminal.flush()
        if self._values.get('ending') == 'true':
            self._stop('the session is over')

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._descriptor).columns
        except OSError:
            return _WIDTH

    def _read_keys(self) -> None:
        while not self._stop.is_set():
            ready, _, _ = select.select([self._descriptor], [], [], _KEY_WAIT_S)
            if not ready:
                continue
            data = os.read(self._descriptor, 64)
            if not data:
                return
            for key in split_keys(data.decode(errors='ignore')):
                self._press(key)

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
            self._terminal.flush()


def main(args: list[str] | None = None) -> int:
    """Run the console on the controlling terminal."""
    try:
        with open('/dev/tty', 'r+b', buffering=0) as raw:
            terminal = open(raw.fileno(), 'w', encoding='utf-8', closefd=False)  # noqa: SIM115
            return run(lambda stop: ConsoleNode(stop, terminal), args)
    except OSError as error:
        print(
            f'no terminal for the console ({error}); use the services or {_RECORDER}/command',
            file=sys.stderr,
        )
        return 0
    except DriverError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
