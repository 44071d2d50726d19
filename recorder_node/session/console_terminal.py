"""The terminal that the console shares with a shell, which may take it away and give it back.

The kernel stops a background job that changes the terminal's mode or reads from it, all processes
of it: here the whole robot. So nothing is done to a terminal that is not in our hands, and nothing
waits for one that takes no output (Ctrl-S).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import time
import tty
from types import TracebackType
from typing import Any

_CHUNK = 64
_LOCAL_FLAGS = 3
_WIDTH = 100


class KeyTerminal:
    """A terminal that gives keys one by one and unseen while this job is in the foreground.

    As a context manager it leaves the terminal's mode and the signals' handling as they were.

    Args:
        descriptor: of the controlling terminal, open for reading and writing, of its own.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._shell_mode: list[Any] | None = None
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> KeyTerminal:
        os.set_blocking(self._descriptor, False)
        # The shell may take the terminal between our look and our act.
        for number in (signal.SIGTTOU, signal.SIGTTIN):
            self._handlers[number] = signal.signal(number, signal.SIG_IGN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.give_back()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def is_ours(self) -> bool:
        """Tell whether this job is in the foreground.

        Raises:
            OSError: when the terminal is gone.
        """
        return os.tcgetpgrp(self._descriptor) == os.getpgrp()

    def read(self, timeout_s: float) -> bytes:
        """Return what was typed, b'' when nothing was in time or a shell has the terminal.

        Raises:
            OSError: when the terminal is gone.
        """
        if not self._take():
            time.sleep(timeout_s)
            return b''
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return b''
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return b''
        except OSError:
            if self.is_ours():
                raise
            return b''  # taken away while we waited
        if not data:
            raise OSError('the terminal is closed')
        return data

    def write(self, text: str) -> None:
        """Write to the terminal; nothing into a shell's work, nor what it does not take now."""
        with contextlib.suppress(OSError):
            if self.is_ours():
                os.write(self._descriptor, text.encode())

    def width(self) -> int:
        """Columns of the terminal."""
        try:
            return os.get_terminal_size(self._descriptor).columns or _WIDTH
        except OSError:
            return _WIDTH

    def give_back(self) -> None:
        """Put the mode back; a shell that has taken the terminal has done so itself."""
        mode, self._shell_mode = self._shell_mode, None
        with contextlib.suppress(OSError, termios.error):
            if mode is not None and self.is_ours():
                termios.tcsetattr(self._descriptor, termios.TCSANOW, mode)

    def _take(self) -> bool:
        """See to it that keys come one by one, also after a shell had the terminal in between."""
        if not self.is_ours():
            return False
        try:
            mode = termios.tcgetattr(self._descriptor)
            if mode[_LOCAL_FLAGS] & termios.ICANON:
                self._shell_mode = mode
                # Ctrl-C still interrupts and output is left alone.
                tty.setcbreak(self._descriptor, termios.TCSANOW)
        except termios.error as error:
            raise OSError(*error.args) from error
        return True
