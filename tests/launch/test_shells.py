"""Sessions started as people and machines start them: nothing stops, nothing is left."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from recorder_node.dataset.check import Checker
from tests.conftest import wait_until
from tests.launch.session import Launch, launched

# A shell with job control that starts its job in the background and waits for it.
IN_BACKGROUND = ('bash', '-mc', '"$@" & wait $!', 'bash')
IN_FOREGROUND = ('bash', '-mc', '"$@"', 'bash')
ENDLESS = {'episode_time_s': 600.0}


@contextmanager
def on_a_terminal(folder: Path, wrapper: tuple[str, ...], **arguments: Any) -> Iterator[Any]:
    """Launch with a controlling terminal; yield the launch and the terminal's far end."""
    far, near = pty.openpty()
    ends = [far]

    def take_terminal() -> None:
        fcntl.ioctl(near, termios.TIOCSCTTY, 0)

    options = {'stdin': near, 'preexec_fn': take_terminal}
    try:
        with launched(folder, wrapper=wrapper, popen=options, **arguments) as session:
            os.close(near)
            yield session, ends
    finally:
        for end in ends:
            os.close(end)


def shown(far: int) -> str:
    """Return what was written to the terminal since the last look."""
    try:
        return os.read(far, 2**16).decode(errors='replace')
    except BlockingIOError:
        return ''


def check_ended(session: Launch, episodes: int) -> None:
    wait_until(lambda: not session.processes(), 60.0, 'the end of every process')
    assert (episodes > 0) == session.root.exists(), session.log
    if episodes:
        assert Checker(session.root).run() == []
    assert 'Traceback' not in session.log


def in_a_take(session: Launch) -> None:
    session.wait_for('1 to record')
    wait_until(lambda: list(session.root.with_name('ds.recording').glob('take-*')), 60.0, 'a take')


def test_in_the_background_of_a_shell(tmp_path: Path) -> None:
    with on_a_terminal(tmp_path, IN_BACKGROUND) as (session, _):
        while not session.ended:
            assert 'T' not in session.processes().values(), session.log
        assert session.wait() == 0, session.log
        assert '[console-' in session.log
        check_ended(session, episodes=1)


def test_in_the_foreground_with_keys(tmp_path: Path) -> None:
    with on_a_terminal(tmp_path, IN_FOREGROUND, **ENDLESS) as (session, (far,)):
        os.set_blocking(far, False)
        wait_until(lambda: 'RECORDING' in shown(far), 60.0, 'the state on the terminal')
        os.write(far, b'\x1b[C')
        assert session.wait() == 0, session.log
        assert termios.tcgetattr(far)[3] & termios.ICANON
        check_ended(session, episodes=1)


@pytest.mark.parametrize('wrapper', [(), ('nohup',)], ids=['plain', 'nohup'])
def test_the_terminal_goes_away(tmp_path: Path, wrapper: tuple[str, ...]) -> None:
    arguments = {} if wrapper else ENDLESS
    with on_a_terminal(tmp_path, wrapper, **arguments) as (session, ends):
        in_a_take(session)
        os.close(ends.pop())
        if wrapper:
            assert session.wait() == 0, session.log
        check_ended(session, episodes=1 if wrapper else 0)
    unfinished = list(tmp_path.glob('ds.recording/take-*'))
    assert len(unfinished) == (0 if wrapper else 1)


def ignore_sigint() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def test_as_a_service(tmp_path: Path) -> None:
    """No terminal, no standard input, and SIGTERM to every process at once."""
    with launched(tmp_path, **ENDLESS) as session:
        in_a_take(session)
        os.killpg(session.process.pid, signal.SIGTERM)
        session.process.wait(60.0)
        check_ended(session, episodes=0)
        assert 'ending: SIGTERM' in session.log
    assert list(tmp_path.glob('ds.recording/take-*'))


@pytest.mark.parametrize(
    ('number', 'prepare'),
    [
        (signal.SIGINT, ignore_sigint),
        (signal.SIGTERM, None),
        (signal.SIGKILL, None),
    ],
    ids=['SIGINT after it was ignored', 'SIGTERM', 'SIGKILL'],
)
def test_a_signal_to_launch_alone(tmp_path: Path, number: signal.Signals, prepare: Any) -> None:
    options = {'preexec_fn': prepare} if prepare else {}
    with launched(tmp_path, popen=options, **ENDLESS) as session:
        in_a_take(session)
        session.process.send_signal(number)
        session.process.wait(60.0)
        check_ended(session, episodes=0)
    assert list(tmp_path.glob('ds.recording/take-*'))
