"""Speaks what an operator must know whose hands are on the leader arm.

A program of the system speaks, one sentence at a time, in a thread of its own. While it does, only
the newest sentence waits: the ones before are out of date.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Sequence

from recorder_node.log import Log
from recorder_node.session.machine import State

# speech-dispatcher, as LeRobot on Linux; espeak; macOS.
_PROGRAMS = (('spd-say', '--wait'), ('espeak-ng',), ('espeak',), ('say',))
_LONGEST_S = 10.0
_LAST_WORDS_S = 2.0


def find_program() -> Sequence[str]:
    """Return the command that speaks its last argument; empty when there is none."""
    return next((words for words in _PROGRAMS if shutil.which(words[0])), ())


def sentence(state: str, episode: object) -> str:
    """Return what is said when a session comes into a state; '' for nothing."""
    return {
        State.RECORDING.value: f'recording episode {episode}',
        State.RESET.value: 'reset the scene',
        State.FAULT.value: 'fault: save or discard',
        State.DONE.value: 'the session is over',
    }.get(state, '')


def make_voice(log: Log) -> Voice | None:
    """Return a voice, or None with a warning where nothing can speak."""
    program = find_program()
    if not program:
        log.warning('play_sounds: nothing here can speak; sudo apt install speech-dispatcher')
        return None
    return Voice(program, log)


class Voice:
    """Speaks of a session; never in the way of it.

    Args:
        program: See `find_program`.
        log: Told once when the program fails.
    """

    def __init__(self, program: Sequence[str], log: Log) -> None:
        self._program = program
        self._log = log
        self._last: tuple[str, object] = ('', None)
        self._waiting = ''
        self._closing = False
        self._has_failed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name='voice', daemon=True)
        self._thread.start()

    def note(self, state: str, episode: object) -> None:
        """Speak when the state or the episode is another than before."""
        with self._changed:
            if (state, episode) == self._last:
                return
            self._last = (state, episode)
            if text := sentence(state, episode):
                self._waiting = text
                self._changed.notify()

    def close(self) -> None:
        """Let the last sentence end, soon; closing twice is fine."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(_LAST_WORDS_S)
        with self._changed:
            self._waiting = ''
            if self._process is not None:
                self._process.kill()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                text, self._waiting = self._waiting, ''
                if not text:
                    return
            problem = self._speak(text)
            if problem and not self._has_failed:
                self._has_failed = True
                self._log.warning(f'play_sounds: {" ".join(self._program)}: {problem}')

    def _speak(self, text: str) -> str:
        """Speak; return what went wrong."""
        quiet = subprocess.DEVNULL
        with self._changed:  # so that `close` always knows what it must end
            try:
                self._process = process = subprocess.Popen(
                    [*self._program, text], stdin=quiet, stdout=quiet, stderr=quiet
                )
            except OSError as error:
                return str(error)
        try:
            code = process.wait(_LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return f'does not end within {_LONGEST_S:g} s'
        finally:
            with self._changed:
                self._process = None
        return '' if code == 0 or self._closing else f'exit code {code}'
