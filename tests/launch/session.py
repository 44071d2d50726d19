"""A launch file as a real process: started, watched, interrupted, and nothing of it left."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import wait_until

PATH = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
ROS2 = shutil.which('ros2', path=PATH) or 'ros2'
LAUNCH_TIMEOUT_S = 120.0
_MARK = 'RECORDER_TEST_LAUNCH'
_STARTED = re.compile(r'\[(\w+)-\d+\]: process started with pid \[(\d+)\]')
_domains = itertools.count(int(os.environ.get('ROS_DOMAIN_ID', '1')))


def environment(domain: int) -> dict[str, str]:
    """Return the environment of a user with the package installed, in a domain of its own."""
    return {
        **os.environ,
        'PATH': PATH,
        'ROS_DOMAIN_ID': str(domain),
        'PYTHONUNBUFFERED': '1',
    }


class Launch:
    """`ros2 launch recorder` with a launch file and arguments."""

    def __init__(
        self, folder: Path, file: str = 'teleop_record.launch.py', domain: int | None = None,
        wrapper: Sequence[str] = (), popen: Mapping[str, Any] | None = None, **arguments: object,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.root = folder / 'ds'
        self.domain = next(_domains) % 100 + 1 if domain is None else domain
        self.log_path = folder / (f'{Path(file).stem}.log' if domain else 'launch.log')
        values = {
            'hardware': 'sim', 'root': self.root, 'repo_id': 'me/test', 'single_task': 'test',
            'num_episodes': 1, 'episode_time_s': 3.0, 'reset_time_s': 1.0, **arguments,
        }  # fmt: skip
        command = [
            *wrapper, ROS2, 'launch', 'recorder', file,
            *(f'{name}:={value}' for name, value in values.items() if value is not None),
        ]  # fmt: skip
        with self.log_path.open('w') as log:
            options: dict[str, Any] = {'stdin': subprocess.DEVNULL, **(popen or {})}
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True,
                env={**environment(self.domain), _MARK: str(self.log_path)}, **options,
            )  # fmt: skip

    @property
    def log(self) -> str:
        """What it printed so far."""
        return self.log_path.read_text(errors='replace')

    def pids(self) -> dict[str, int]:
        """Return the nodes' process ids by executable (the last of each name)."""
        return {name: int(pid) for name, pid in _STARTED.findall(self.log)}

    def all_pids(self) -> list[int]:
        """Return every node's process id."""
        return [int(pid) for _, pid in _STARTED.findall(self.log)]

    def processes(self) -> dict[int, str]:
        """Return everything that came of this launch and still runs: its state by process id."""
        mark = f'{_MARK}={self.log_path}'.encode()
        found = {}
        for folder in Path('/proc').iterdir():
            try:
                if folder.name.isdecimal() and mark in (folder / 'environ').read_bytes():
                    found[int(folder.name)] = (folder / 'stat').read_text().rsplit(')', 1)[1][1]
            except OSError:
                continue  # ended meanwhile, or not ours
        return {pid: state for pid, state in found.items() if state != 'Z'}

    def wait_for(self, text: str, timeout_s: float = 60.0) -> None:
        """Wait until it printed a text."""
        try:
            wait_until(lambda: text in self.log or self.ended, timeout_s)
        except AssertionError:
            raise AssertionError(f'no {text!r} in:\n{self.log}') from None
        assert text in self.log, f'ended without {text!r}:\n{self.log}'

    @property
    def ended(self) -> bool:
        """Tell whether launch itself is gone."""
        return self.process.poll() is not None

    def wait(self, timeout_s: float = LAUNCH_TIMEOUT_S) -> int:
        """Wait for the end and for every node's; return the exit code."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'still running:\n{self.log}') from None
        wait_until(lambda: not any(map(alive, self.all_pids())), 30.0, f'nodes to end\n{self.log}')
        return code

    def interrupt(self) -> None:
        """Press Ctrl-C: SIGINT to the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def ros2(self, *words: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a `ros2` command as from a second terminal."""
        return subprocess.run(
            [ROS2, *words], env=environment(self.domain), text=True,
            capture_output=True, timeout=timeout_s, check=False,
        )  # fmt: skip

    def call(self, word: str) -> str:
        """Call one of the recorder's services; return what was printed."""
        result = self.ros2('service', 'call', f'/recorder/{word}', 'std_srvs/srv/Trigger')
        assert result.returncode == 0, result.stderr
        return result.stdout

    def close(self) -> None:
        """Leave nothing behind, however the test went."""
        for pid in (self.process.pid, *self.all_pids(), *self.processes()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()


def alive(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0]
    except OSError:
        return False
    return state != 'Z'


@contextmanager
def launched(folder: Path, **arguments: Any) -> Iterator[Launch]:
    """Start a launch file and make sure that it is gone afterwards."""
    session = Launch(folder, **arguments)
    try:
        yield session
    finally:
        session.close()


def steady_wait(seconds: float) -> None:
    """Let a recording run for a while; only for choosing a random moment, never for a result."""
    time.sleep(seconds)
