"""Questions, answers and a live table on a terminal, or on pipes.

The terminal's modes are never changed, so that nothing has to be put back however a tool ends.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import time
from collections.abc import Callable, Sequence

from so101_driver.common.errors import ConfigError

_REDRAW_S = 0.1
_PLAIN_REDRAW_S = 2.0  # a log file wants few lines
_CHUNK = 1024


class Terminal:
    """Standard input and output of a tool that asks its user."""

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()
        self._is_live = sys.stdout.isatty()
        self._typed = b''

    def say(self, text: str = '') -> None:
        """Print a line at once."""
        print(text, flush=True)

    def ask(self, question: str) -> str:
        """Return what the user answers, without blanks, in small letters.

        Raises:
            ConfigError: when nobody can answer.
        """
        self._forget_early_keys()
        print(f'{question} ', end='', flush=True)
        while True:
            answer = self._line(None)
            if answer is not None:
                return answer

    def choose(self, question: str, choices: Sequence[str]) -> str:
        """Return one of the choices; ask again until it is one."""
        while (answer := self.ask(question)) not in choices:
            self.say(f'"{answer}" is none of the answers')
        return answer

    def watch(self, step: Callable[[], Sequence[str]], period_s: float) -> None:
        """Do a step each period and show the lines that it returns, until ENTER."""
        self._forget_early_keys()
        drawn = 0
        next_s = 0.0
        while True:
            lines = step()
            answer = self._line(period_s)
            if answer is not None or time.monotonic() >= next_s:
                # The ENTER that ends it has moved the cursor down by one.
                self._draw(lines, drawn + (answer is not None) if drawn else 0)
                drawn = len(lines)
                next_s = time.monotonic() + (_REDRAW_S if self._is_live else _PLAIN_REDRAW_S)
            if answer is not None:
                return

    def _draw(self, lines: Sequence[str], lines_up: int) -> None:
        if not self._is_live:
            print(*lines, sep='\n', flush=True)
            return
        up = f'\x1b[{lines_up}A\r' if lines_up else ''
        print(up + ''.join(f'\x1b[K{line}\n' for line in lines), end='', flush=True)

    def _forget_early_keys(self) -> None:
        """Drop what was typed before the question: an ENTER too many is no answer to it."""
        if os.isatty(self._input):
            termios.tcflush(self._input, termios.TCIFLUSH)
            self._typed = b''

    def _line(self, timeout_s: float | None) -> str | None:
        """Return the next line that was typed; None when the time is over."""
        if b'\n' not in self._typed:
            if not select.select([self._input], [], [], timeout_s)[0]:
                return None
            data = os.read(self._input, _CHUNK)
            if not data:
                raise ConfigError(['the input has ended; this tool asks questions on a terminal'])
            self._typed += data
            if b'\n' not in self._typed:
                return None
        line, _, self._typed = self._typed.partition(b'\n')
        return line.decode(errors='replace').strip().lower()
