"""The session's state table: which command is obeyed in which state, and what follows.

Pure: it decides, the node carries out. Every refusal says the state and what would be accepted,
and changes nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import NamedTuple


class State(enum.Enum):
    """Where the session stands."""

    IDLE = 'IDLE'
    RECORDING = 'RECORDING'
    RESET = 'RESET'
    FAULT = 'FAULT'
    DONE = 'DONE'


class Event(enum.Enum):
    """What the operator asks for, and what the clock or a fault brings."""

    START = 'start_episode'
    SAVE = 'save_episode'
    DISCARD = 'discard_episode'
    FINISH = 'finish'
    UNDO = 'undo_save'
    MARK_SUCCESS = 'mark_success'
    MARK_FAILURE = 'mark_failure'
    EPISODE_OVER = 'episode time over'
    RESET_OVER = 'reset time over'
    FAULT = 'fault'


COMMANDS = (
    Event.START,
    Event.SAVE,
    Event.DISCARD,
    Event.FINISH,
    Event.UNDO,
    Event.MARK_SUCCESS,
    Event.MARK_FAILURE,
)
# Taken at any time, in every state: uploads what is durable.
PUSH = 'push_to_hub'
# On ~/command only, with a reason behind it: `fault: the policy is late`.
FAULT = 'fault'
_MARKS = {
    Event.MARK_SUCCESS: ('MARK_SUCCESS', 'marked as success'),
    Event.MARK_FAILURE: ('MARK_FAILURE', 'marked as failure'),
}


class Action(enum.Enum):
    """What has to be done with takes, in the order given."""

    OPEN = 'open a take'
    END = 'end the running take; it becomes pending'
    PUBLISH = 'publish the pending take'
    DROP = 'drop the pending take'
    KEEP = 'keep the pending take as unfinished'
    UNDO = 'remove the episode saved last'
    MARK_SUCCESS = 'mark the running or pending take as a success'
    MARK_FAILURE = 'mark the running or pending take as a failure'


class Decision(NamedTuple):
    """The answer to an event; `accepted` False means that nothing changes."""

    accepted: bool
    reason: str
    actions: tuple[Action, ...] = ()
    state: State | None = None


class Session:
    """The state of a recording session.

    Args:
        num_episodes: the session is done when so many episodes are saved.
        auto_start: begin the next episode when the reset is over, else wait in IDLE.
        gate: returns '' when an episode may start, else why not.
    """

    def __init__(self, num_episodes: int, auto_start: bool, gate: Callable[[], str]) -> None:
        self.state = State.IDLE
        self.saved = 0
        self.pending = False
        self.fault_reason = ''
        self._num_episodes = num_episodes
        self._auto_start = auto_start
        self._gate = gate

    def handle(self, event: Event, reason: str = '') -> Decision:
        """Decide on an event and move to the next state; the caller carries out the actions."""
        decision = self._decide(event)
        if not decision.accepted:
            return decision
        for action in decision.actions:
            if action is Action.END:
                self.pending = True
            elif action in (Action.PUBLISH, Action.DROP, Action.KEEP):
                self.pending = False
                self.saved += action is Action.PUBLISH
            elif action is Action.UNDO:
                self.saved -= 1
        if event is Event.FAULT:
            self.fault_reason = reason
        state = decision.state or self.state
        if state in (State.RESET, State.IDLE) and self.saved >= self._num_episodes:
            state = State.DONE
        self.state = state
        return decision._replace(state=state)

    def unsave(self) -> None:
        """Take back a save whose publishing failed, so that the count tells the truth."""
        self.saved -= 1

    def _decide(self, event: Event) -> Decision:
        if event in _MARKS and (self.pending or self.state is State.RECORDING):
            action, words = _MARKS[event]
            return Decision(True, words, (Action[action],), self.state)
        handler = {
            State.IDLE: self._idle,
            State.RECORDING: self._recording,
            State.RESET: self._reset,
            State.FAULT: self._in_fault,
            State.DONE: self._done,
        }[self.state]
        return handler(event)

    def _idle(self, event: Event) -> Decision:
        if event is Event.START:
            return self._open(())
        if event is Event.FINISH:
            return Decision(True, 'finished', (), State.DONE)
        if event is Event.UNDO and self.saved:
            return self._undo()
        return self._refuse(event, f'start_episode{self._or_undo} or finish', self._why(event))

    def _recording(self, event: Event) -> Decision:
        if event is Event.SAVE:
            return Decision(True, 'saved', (Action.END, Action.PUBLISH), State.RESET)
        if event is Event.DISCARD:
            return Decision(True, 'discarded', (Action.END, Action.DROP), State.RESET)
        if event is Event.FINISH:
            return Decision(True, 'saved and finished', (Action.END, Action.PUBLISH), State.DONE)
        if event is Event.EPISODE_OVER:
            if self.saved + 1 >= self._num_episodes:
                return Decision(True, 'last episode over', (Action.END, Action.PUBLISH), State.DONE)
            return Decision(True, 'episode time over', (Action.END,), State.RESET)
        if event is Event.FAULT:
            return Decision(True, 'fault', (Action.END,), State.FAULT)
        return self._refuse(
            event, 'save_episode, discard_episode, mark_success, mark_failure or finish'
        )

    def _reset(self, event: Event) -> Decision:
        settle = (Action.PUBLISH,) if self.pending else ()
        if event is Event.START or (event is Event.RESET_OVER and self._auto_start):
            return self._open(settle)
        if event is Event.RESET_OVER:
            return Decision(True, 'reset over', settle, State.IDLE)
        if event is Event.FINISH:
            return Decision(True, 'finished', settle, State.DONE)
        if self.pending and event is Event.SAVE:
            return Decision(True, 'saved', settle, State.RESET)
        if self.pending and event is Event.DISCARD:
            return Decision(True, 'discarded', (Action.DROP,), State.RESET)
        if event is Event.UNDO and self.saved and not self.pending:
            return self._undo()
        extra = '' if self.pending else self._why(event) or ' (no take is waiting)'
        accepted = (
            'start_episode, save_episode, discard_episode, mark_success, mark_failure or finish'
            if self.pending
            else f'start_episode{self._or_undo} or finish'
        )
        return self._refuse(event, accepted, extra)

    def _in_fault(self, event: Event) -> Decision:
        if event is Event.SAVE:
            return Decision(True, 'saved what there is', (Action.PUBLISH,), State.IDLE)
        if event is Event.DISCARD:
            return Decision(True, 'discarded', (Action.DROP,), State.IDLE)
        if event is Event.FINISH:
            return Decision(
                True, 'finished, the take is kept as unfinished', (Action.KEEP,), State.DONE
            )
        return self._refuse(
            event,
            'save_episode, discard_episode, mark_success, mark_failure or finish',
            f' ({self.fault_reason})',
        )

    def _done(self, event: Event) -> Decision:
        return self._refuse(event, 'nothing, the session is over')

    def _open(self, settle: tuple[Action, ...]) -> Decision:
        """Open the next take, unless what is settled first was the last episode wanted."""
        if self.saved + len(settle) >= self._num_episodes:
            return Decision(True, 'the last episode is saved', settle, State.DONE)
        if why := self._gate():
            return Decision(False, f'cannot start: {why}')
        return Decision(True, 'recording', (*settle, Action.OPEN), State.RECORDING)

    def _undo(self) -> Decision:
        return Decision(True, 'the last episode is removed', (Action.UNDO,))

    @property
    def _or_undo(self) -> str:
        return ', undo_save' if self.saved else ''

    def _why(self, event: Event) -> str:
        """Say that undo takes back only what this session saved."""
        if event is not Event.UNDO:
            return ''
        return ' (nothing was saved in this session; there is: ros2 run recorder edit delete)'

    def _refuse(self, event: Event, accepted: str, extra: str = '') -> Decision:
        return Decision(
            False,
            f'{event.value} is refused in state {self.state.value}{extra}; accepted: {accepted}',
        )
