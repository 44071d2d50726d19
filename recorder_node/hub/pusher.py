"""Uploads for the recorder node, in the background.

The upload runs in a process of its own, with less priority: neither Python's interpreter lock nor
its memory nor a crash of native code can disturb a recording, and it can be ended at once. Use:

    pusher = Pusher(changed)            # changed(state) comes from the pusher's thread
    pusher.start(root, repo_id, private, tags) -> False when one is under way
    pusher.state.describe()             # for ~/status
    pusher.close()                      # when the node ends; an upload under way is given up
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import recorder_node
from recorder_node.hub.command_line import MODULE, command
from recorder_node.hub.snapshot import discard

IDLE, RUNNING, DONE, FAILED = 'idle', 'running', 'done', 'failed'
_NICE = 10
_END_S = 5.0


@dataclasses.dataclass(frozen=True)
class PushState:
    """What the pusher does; `words` are the address when done, the reason when failed."""

    state: str = IDLE
    words: str = ''
    percent: float = 0.0

    def describe(self) -> str:
        """Return one line for people."""
        if self.state == RUNNING:
            return f'{self.percent:.0f} % {self.words}'.strip()
        return ' '.join(f'{self.state} {self.words}'.split()) if self.words else self.state


class Pusher:
    """One upload at a time; methods may be called from any thread.

    Args:
        changed: called from the pusher's thread after every change of `state`.
    """

    def __init__(self, changed: Callable[[PushState], None] = lambda state: None) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._state = PushState()
        self._closed = False
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> PushState:
        """What the pusher does, or what the last upload came to."""
        with self._lock:
            return self._state

    def start(
        self, root: Path, repo_id: str, private: bool = False, tags: Sequence[str] = ()
    ) -> bool:
        """Begin an upload and return at once; False when one is under way or it is closed.

        The dataset is not checked frame by frame: the recorder has checked what it published.
        """
        with self._lock:
            if self._closed or self._state.state == RUNNING:
                return False
            self._state = PushState(RUNNING, 'starting')
        arguments = [f'--repo-id={repo_id}', f'--tags={",".join(tags)}', '--skip-check', '--json']
        arguments += ['--private'] if private else []
        later = command(root, repo_id, private, tags)
        thread = threading.Thread(
            target=self._run, args=(root, arguments, later), name='pusher', daemon=True
        )
        self._thread = thread
        thread.start()
        return True

    def close(self) -> None:
        """Give up an upload under way and end; what the Hub has is not sent again."""
        with self._lock:
            self._closed = True
            process, thread = self._process, self._thread
        if process is not None:
            _end(process)
        if thread is not None and thread is not threading.current_thread():
            thread.join(_END_S)

    def _run(self, root: Path, arguments: Sequence[str], later: str) -> None:
        try:
            process = self._spawn([str(root), *arguments])
        except OSError as error:
            self._become(PushState(FAILED, f'{error}\npush it later with: {later}'))
            return
        with self._lock:
            self._process = process
            closed = self._closed
        if closed:
            _end(process)
        said: list[str] = []
        final: PushState | None = None
        assert process.stdout is not None
        for line in process.stdout:
            try:
                event: dict[str, Any] = json.loads(line)
                final = self._heed(event) or final
            except (ValueError, KeyError, TypeError):
                # The client library's warnings, or the traceback of a crash.
                said = [*said[-9:], line.rstrip()]
        code = process.wait()
        if final is None and self._closed:  # it did not end when it was asked to
            discard(root)
            final = PushState(FAILED, f'stopped\npush it later with: {later}')
        if final is None:
            reason = '\n'.join([f'the upload ended with code {code}', *said])
            final = PushState(FAILED, f'{reason}\npush it later with: {later}')
        with self._lock:
            self._process = None
        self._become(final)

    def _spawn(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        package = str(Path(recorder_node.__file__).parents[1])
        path = [package, *filter(None, [os.environ.get('PYTHONPATH')])]
        process = subprocess.Popen(
            [sys.executable, '-m', MODULE, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(path)},
            # Ctrl-C is for the session, which then closes the pusher in its own order.
            start_new_session=True,
        )
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        return process

    def _heed(self, event: dict[str, Any]) -> PushState | None:
        """Take over a progress report; return the state it ends with, if it is the last."""
        phase, note = event['phase'], event['note']
        if phase in (DONE, FAILED):
            return PushState(phase, note, 100.0 if phase == DONE else self.state.percent)
        self._become(PushState(RUNNING, note or phase, float(event['percent'])))
        return None

    def _become(self, state: PushState) -> None:
        with self._lock:
            self._state = state
        self._changed(state)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
