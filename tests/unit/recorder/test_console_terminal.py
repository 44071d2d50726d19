"""The console's terminal under a shell with job control, on a pseudo-terminal of the test's own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, wait_until

# A shell that leads a session and runs one job, in the background until it is told otherwise.
SHELL = """
import fcntl, os, signal, sys, termios

terminal = int(sys.argv[1])
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
cooked = termios.tcgetattr(terminal)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from recorder_node.session.console_terminal import KeyTerminal
    try:
        with KeyTerminal(os.open('/dev/tty', os.O_RDWR)) as keys:
            print('up', os.getpid(), flush=True)
            while True:
                keys.write('line ')
                typed = keys.read(0.02)
                if typed:
                    print('typed', typed.decode(), flush=True)
                if typed == b'x':
                    raise ValueError
                if typed == b'q':
                    break
    except (OSError, ValueError) as error:
        print('left by', type(error).__name__, flush=True)
    print('left', flush=True)
    os._exit(0)
os.setpgid(job, job)
for line in sys.stdin:
    if line.strip() == 'fg':
        os.tcsetpgrp(terminal, job)
    elif line.strip() == 'stop':
        os.kill(-job, signal.SIGTSTP)
        os.waitpid(job, os.WUNTRACED)
    if line.strip() in ('bg', 'stop'):
        os.tcsetpgrp(terminal, os.getpgrp())
        termios.tcsetattr(terminal, termios.TCSADRAIN, cooked)
    os.kill(-job, signal.SIGCONT) if line.strip() != 'stop' else None
    print('done', line, end='', flush=True)
os.waitpid(job, 0)
"""


class Shell:
    """The shell above and the far end of its terminal."""

    def __init__(self, folder: Path) -> None:
        self.far, near = pty.openpty()
        os.set_blocking(self.far, False)
        self._log = folder / 'log'
        with self._log.open('w') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-c', SHELL, str(near)],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, text=True,
                pass_fds=[near], start_new_session=True, cwd=REPOSITORY,
            )  # fmt: skip
        os.close(near)
        self.wait_for('up ')
        self.job = int(self.log.split()[1])

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.log, 20.0, text)

    def tell(self, word: str) -> None:
        before = self.log.count('done')
        assert self.process.stdin is not None
        self.process.stdin.write(f'{word}\n')
        self.process.stdin.flush()
        wait_until(lambda: self.log.count('done') > before, 20.0, word)

    def type(self, text: str) -> None:
        os.write(self.far, text.encode())

    def shown(self) -> str:
        """Return what was written to the terminal since the last look."""
        try:
            return os.read(self.far, 2**16).decode()
        except BlockingIOError:
            return ''

    @property
    def takes_lines(self) -> bool:
        return bool(termios.tcgetattr(self.far)[3] & termios.ICANON)

    @property
    def state(self) -> str:
        return Path(f'/proc/{self.job}/stat').read_text().rsplit(')', 1)[1].split()[0]

    def close(self) -> None:
        for pid in (self.job, self.process.pid):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        os.close(self.far)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.close()


def test_a_background_job_runs_on_and_leaves_the_terminal_alone(shell: Shell) -> None:
    shell.type('n\n')
    shell.shown()
    for _ in range(3):
        shell.tell('bg')
        assert shell.state != 'T'
    assert shell.takes_lines
    assert 'typed' not in shell.log
    assert 'line' not in shell.shown()


def test_keys_come_while_the_job_is_in_the_foreground(shell: Shell) -> None:
    shell.tell('fg')
    wait_until(lambda: not shell.takes_lines, 20.0, 'keys one by one')
    shell.type('n')
    shell.wait_for('typed n')
    wait_until(lambda: 'line' in shell.shown(), 20.0, 'output')
    shell.tell('bg')
    shell.type('k\n')
    shell.tell('bg')
    assert shell.takes_lines and shell.state != 'T'
    assert 'typed k' not in shell.log
    shell.tell('fg')
    wait_until(lambda: not shell.takes_lines, 20.0, 'keys one by one again')
    shell.type('q')
    shell.wait_for('left')
    assert shell.takes_lines


def test_ctrl_z_and_back(shell: Shell) -> None:
    shell.tell('fg')
    wait_until(lambda: not shell.takes_lines, 20.0, 'keys one by one')
    shell.tell('stop')
    assert shell.state == 'T' and shell.takes_lines
    shell.tell('fg')
    wait_until(lambda: not shell.takes_lines, 20.0, 'keys one by one again')
    shell.type('n')
    shell.wait_for('typed n')


def test_a_terminal_that_takes_no_output_holds_nothing_up(shell: Shell) -> None:
    shell.tell('fg')
    wait_until(lambda: not shell.takes_lines, 20.0, 'keys one by one')
    shell.type('\x13')  # Ctrl-S
    for _ in range(3):
        seen = shell.log.count('typed n')
        shell.type('n')
        wait_until(lambda seen=seen: shell.log.count('typed n') > seen, 20.0, 'a key')
    shell.type('q')
    shell.wait_for('left')
    assert shell.takes_lines


def test_an_error_gives_the_mode_back(shell: Shell) -> None:
    shell.tell('fg')
    wait_until(lambda: not shell.takes_lines, 20.0, 'keys one by one')
    shell.type('x')
    shell.wait_for('left by ValueError')
    assert shell.takes_lines


def test_a_terminal_that_goes_away_is_told(shell: Shell) -> None:
    shell.tell('fg')
    wait_until(lambda: not shell.takes_lines, 20.0, 'keys one by one')
    far, shell.far = shell.far, os.open(os.devnull, os.O_RDONLY)
    os.close(far)
    shell.wait_for('left by OSError')
