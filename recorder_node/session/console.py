"""Keys and the status line of the console; no ROS and no terminal in here.

Keys are LeRobot's: right arrow or n saves (in RESET: starts the next episode), left arrow or r
discards for re-recording, Esc or q finishes. Letters work where arrow keys do not get through.
Ours: + and - mark the take as success or failure, u takes the last save back, p uploads.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

from recorder_node.session.machine import PUSH, Event, State

HELP = (
    'keys: -> or n save / next   <- or r discard, record again   s start   Esc or q finish\r\n'
    '      + success   - failure   u undo the last save   p push to the Hub'
)

_KEYS = {
    '\x1b[C': 'next', '\x1bOC': 'next', 'n': 'next', 'N': 'next',
    '\x1b[D': 'again', '\x1bOD': 'again', 'r': 'again', 'R': 'again',
    '\x1b': 'finish', 'q': 'finish', 'Q': 'finish',
    's': 'start', 'S': 'start', ' ': 'start',
    'u': 'undo', 'U': 'undo', '+': 'success', '-': 'failure', 'p': 'push', 'P': 'push',
}  # fmt: skip
_STARTABLE = (State.IDLE.value, State.RESET.value)


# A whole sequence; ESC before one is the Alt key, which changes its meaning to none here.
_SEQUENCE = re.compile('\x1b+(?:\\[[0-?]*[ -/]*[@-~]|O.|[^\x1b\\[O])', re.DOTALL)
# What a whole sequence may still begin with.
_BEGINNING = re.compile('\x1b+(?:\\[[0-?]*[ -/]*|O)?')
# An arrow key's bytes may come apart on a slow line; a person's next key comes later than this.
ESCAPE_WAIT_S = 0.4


class Keys:
    """Tells keys apart in what a terminal sends, however it is cut.

    The Esc key sends the byte that an arrow key begins with, so it is known only when nothing
    has followed for `ESCAPE_WAIT_S`.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder('utf-8')('ignore')
        self._text = ''
        self._since_s = 0.0

    def feed(self, data: bytes, now_s: float) -> list[str]:
        """Take bytes, or none, at a steady time; return the keys that are complete."""
        if data:
            self._text += self._decoder.decode(data)
            self._since_s = now_s
        keys = []
        while self._text:
            if not self._text.startswith('\x1b'):
                keys.append(self._text[0])
                self._text = self._text[1:]
            elif whole := _SEQUENCE.match(self._text):
                keys.append(whole[0])
                self._text = self._text[whole.end() :]
            elif _BEGINNING.fullmatch(self._text):
                if now_s - self._since_s < ESCAPE_WAIT_S:
                    break
                # Of a sequence that was lost on the way nothing is a key.
                if not self._text.strip('\x1b'):
                    keys.append('\x1b')
                self._text = ''
            else:
                self._text = self._text[1:].lstrip('\x1b')
        return keys


_COMMANDS = {
    'again': Event.DISCARD.value,
    'finish': Event.FINISH.value,
    'start': Event.START.value,
    'undo': Event.UNDO.value,
    'success': Event.MARK_SUCCESS.value,
    'failure': Event.MARK_FAILURE.value,
    'push': PUSH,
}


def command_for(key: str, state: str) -> str | None:
    """Return the service that a key means in a state; None for keys without meaning."""
    meaning = _KEYS.get(key, '')
    if meaning == 'next':
        return Event.START.value if state in _STARTABLE else Event.SAVE.value
    return _COMMANDS.get(meaning)


def status_line(values: Mapping[str, str], width: int) -> str:
    """Return one line: state, episode, time, rows, rate, ages, losses; cut to the width."""
    state = values.get('state', '?')
    parts = [state]
    parts.append(
        f'episode {values.get("episode_index", "?")} '
        f'({values.get("episodes_saved", "?")}/{values.get("num_episodes", "?")} saved)'
    )
    if state == State.RECORDING.value or values.get('pending') == 'true':
        parts.append(f'{_number(values, "seconds"):.1f} s, {values.get("rows", "0")} rows')
    if values.get('remaining_s'):
        parts.append(f'{_number(values, "remaining_s"):.0f} s left')
    if values.get('pending') == 'true':
        parts.append('take waits: -> next, <- again')
    ages = [
        f'{_short(key)} {_whole(value)}'
        for key, value in values.items()
        if key.startswith('age_ms.')
    ]
    if ages:
        parts.append('age ms: ' + ' '.join(ages))
    parts.append(f'lost {values.get("lost", "0")}')
    if values.get('outcome'):
        parts.append(values['outcome'])
    if values.get('upload', 'idle') != 'idle':
        parts.append(f'upload {values["upload"]}')
    if values.get('waiting_frames', '0') not in ('0', '1', '2'):
        parts.append(f'encoding {values["waiting_frames"]} behind')
    if state in (State.FAULT.value, State.IDLE.value):
        parts.append(values.get('message', ''))
    return ' | '.join(parts)[: max(1, width - 1)]


def _short(key: str) -> str:
    return key.rsplit('.', 1)[-1]


def _whole(text: str) -> str:
    return text.split('.', 1)[0] or '-'


def _number(values: Mapping[str, str], key: str) -> float:
    try:
        return float(values.get(key, '0') or 0)
    except ValueError:
        return 0.0
