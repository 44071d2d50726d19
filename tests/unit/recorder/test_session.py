"""Every cell of the state table: what happens, and what a refusal says."""

from __future__ import annotations

import pytest

from recorder_node.session.machine import Action, Event, Session, State

A, E, S = Action, Event, State


def session_in(
    state: State, pending: bool = False, auto: bool = True, saved: int = 0, gate: str = ''
) -> Session:
    session = Session(num_episodes=5, auto_start=auto, gate=lambda: gate)
    session.state, session.pending, session.saved = state, pending, saved
    return session


CELLS = [
    # state, pending, event -> actions, next state
    (S.IDLE, False, E.START, (A.OPEN,), S.RECORDING),
    (S.IDLE, False, E.FINISH, (), S.DONE),
    (S.RECORDING, False, E.SAVE, (A.END, A.PUBLISH), S.RESET),
    (S.RECORDING, False, E.DISCARD, (A.END, A.DROP), S.RESET),
    (S.RECORDING, False, E.FINISH, (A.END, A.PUBLISH), S.DONE),
    (S.RECORDING, False, E.EPISODE_OVER, (A.END,), S.RESET),
    (S.RECORDING, False, E.FAULT, (A.END,), S.FAULT),
    (S.RESET, True, E.START, (A.PUBLISH, A.OPEN), S.RECORDING),
    (S.RESET, False, E.START, (A.OPEN,), S.RECORDING),
    (S.RESET, True, E.SAVE, (A.PUBLISH,), S.RESET),
    (S.RESET, True, E.DISCARD, (A.DROP,), S.RESET),
    (S.RESET, True, E.FINISH, (A.PUBLISH,), S.DONE),
    (S.RESET, False, E.FINISH, (), S.DONE),
    (S.RESET, True, E.RESET_OVER, (A.PUBLISH, A.OPEN), S.RECORDING),
    (S.RESET, False, E.RESET_OVER, (A.OPEN,), S.RECORDING),
    (S.RECORDING, False, E.MARK_SUCCESS, (A.MARK_SUCCESS,), S.RECORDING),
    (S.RECORDING, False, E.MARK_FAILURE, (A.MARK_FAILURE,), S.RECORDING),
    (S.RESET, True, E.MARK_SUCCESS, (A.MARK_SUCCESS,), S.RESET),
    (S.RESET, True, E.MARK_FAILURE, (A.MARK_FAILURE,), S.RESET),
    (S.FAULT, True, E.MARK_SUCCESS, (A.MARK_SUCCESS,), S.FAULT),
    (S.FAULT, True, E.MARK_FAILURE, (A.MARK_FAILURE,), S.FAULT),
    (S.FAULT, True, E.SAVE, (A.PUBLISH,), S.IDLE),
    (S.FAULT, True, E.DISCARD, (A.DROP,), S.IDLE),
    (S.FAULT, True, E.FINISH, (A.KEEP,), S.DONE),
]
ACCEPTED = {(state, pending, event) for state, pending, event, _, _ in CELLS}
REFUSED = [
    (state, pending, event)
    for state in State
    for pending in ((False, True) if state is S.RESET else (state is S.FAULT,))
    for event in Event
    if (state, pending, event) not in ACCEPTED
]


@pytest.mark.parametrize(('state', 'pending', 'event', 'actions', 'following'), CELLS)
def test_accepted(
    state: State, pending: bool, event: Event, actions: tuple[Action, ...], following: State
) -> None:
    session = session_in(state, pending)
    decision = session.handle(event)
    assert decision.accepted
    assert decision.actions == actions
    assert session.state is decision.state is following
    assert session.saved == (A.PUBLISH in actions)
    settled = {A.PUBLISH, A.DROP, A.KEEP} & set(actions)
    assert session.pending == ((pending or A.END in actions) and not settled)


@pytest.mark.parametrize(('state', 'pending', 'event'), REFUSED)
def test_refused_changes_nothing_and_says_what_would_do(
    state: State, pending: bool, event: Event
) -> None:
    session = session_in(state, pending)
    decision = session.handle(event)
    assert not decision.accepted
    assert not decision.actions
    assert (session.state, session.pending, session.saved) == (state, pending, 0)
    assert state.value in decision.reason
    assert 'accepted:' in decision.reason


@pytest.mark.parametrize('state', [S.IDLE, S.RESET])
def test_what_this_session_saved_can_be_taken_back(state: State) -> None:
    session = session_in(state, saved=2)
    assert session.handle(E.UNDO).actions == (A.UNDO,)
    assert (session.state, session.saved) == (state, 1)
    session.handle(E.UNDO)
    assert 'recorder edit delete' in session.handle(E.UNDO).reason
    assert session.saved == 0


@pytest.mark.parametrize('state', [S.IDLE, S.RESET])
def test_a_closed_gate_refuses_the_start(state: State) -> None:
    session = session_in(state, pending=state is S.RESET, gate='/cam is silent')
    decision = session.handle(E.START)
    assert not decision.accepted
    assert '/cam is silent' in decision.reason
    assert session.state is state
    assert session.pending == (state is S.RESET)


def test_manual_start_waits_in_idle_after_the_reset() -> None:
    session = session_in(S.RESET, pending=True, auto=False)
    assert session.handle(E.RESET_OVER).actions == (A.PUBLISH,)
    assert session.state is S.IDLE
    assert session.saved == 1


@pytest.mark.parametrize('event', [E.SAVE, E.EPISODE_OVER])
def test_there_is_no_reset_after_the_last_episode(event: Event) -> None:
    session = session_in(S.RECORDING, saved=4)
    assert session.handle(event).actions == (A.END, A.PUBLISH)
    assert session.state is S.DONE


def test_saving_the_last_pending_take_ends_the_session() -> None:
    session = session_in(S.RESET, pending=True, saved=4)
    assert session.handle(E.START).actions == (A.PUBLISH,)
    assert session.state is S.DONE


def test_a_discarded_last_episode_is_recorded_again() -> None:
    session = session_in(S.RECORDING, saved=4)
    session.handle(E.DISCARD)
    assert session.state is S.RESET
    assert session.handle(E.RESET_OVER).state is S.RECORDING


def test_a_failed_publication_counts_no_episode() -> None:
    session = session_in(S.RECORDING)
    session.handle(E.SAVE)
    session.unsave()
    assert session.saved == 0


def test_a_fault_names_its_reason_when_a_start_is_refused() -> None:
    session = session_in(S.RECORDING)
    session.handle(E.FAULT, 'the clock stepped by +3.200 s')
    assert '+3.200 s' in session.handle(E.START).reason
