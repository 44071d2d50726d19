"""Keys and the status line."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder_node.session.console import ESCAPE_WAIT_S, Keys, command_for, status_line
from recorder_node.session.machine import Event


@pytest.mark.parametrize(
    ('key', 'state', 'event'),
    [
        ('\x1b[C', 'RECORDING', Event.SAVE),
        ('n', 'RECORDING', Event.SAVE),
        ('n', 'FAULT', Event.SAVE),
        ('\x1b[C', 'RESET', Event.START),
        ('n', 'IDLE', Event.START),
        ('\x1b[D', 'RECORDING', Event.DISCARD),
        ('\x1bOD', 'RESET', Event.DISCARD),
        ('r', 'FAULT', Event.DISCARD),
        ('\x1b', 'RECORDING', Event.FINISH),
        ('q', 'RESET', Event.FINISH),
        ('s', 'IDLE', Event.START),
        ('u', 'RESET', Event.UNDO),
        ('+', 'RECORDING', Event.MARK_SUCCESS),
        ('-', 'RESET', Event.MARK_FAILURE),
        ('x', 'RECORDING', None),
        ('\x1b[A', 'RECORDING', None),
    ],
)
def test_keys_are_lerobots(key: str, state: str, event: Event | None) -> None:
    assert command_for(key, state) == (event and event.value)


def read(chunks: list[bytes], wait_s: float = 0.05) -> list[str]:
    """Return the keys in chunks that arrive one after another, and then nothing more."""
    keys = Keys()
    found = [key for n, chunk in enumerate(chunks) for key in keys.feed(chunk, n * wait_s)]
    return found + keys.feed(b'', 100.0)


def test_keys_typed_at_once_are_told_apart() -> None:
    assert read([b'n\x1b[Cq\x1b']) == ['n', '\x1b[C', 'q', '\x1b']


@given(st.data())
def test_a_key_is_the_same_however_its_bytes_are_cut(data: st.DataObject) -> None:
    known = ['n', '\x1b[C', '\x1bOD', '\x1b[1;5C', '\x1b[3~', 'é', '+', '\x1bq', '\x1b\x1b[C']
    wanted = data.draw(st.lists(st.sampled_from(known), min_size=1))
    text = ''.join(wanted).encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text)))))
    pieces = [text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])]
    assert read(pieces) == wanted


def test_escape_alone_is_a_key_only_when_nothing_follows() -> None:
    keys = Keys()
    assert keys.feed(b'\x1b', 0.0) == []
    assert keys.feed(b'', 0.1) == []
    assert keys.feed(b'[C', 0.2) == ['\x1b[C']
    assert keys.feed(b'\x1b', 1.0) == []
    assert keys.feed(b'', 1.1 + ESCAPE_WAIT_S) == ['\x1b']
    assert keys.feed(b'n', 2.0) == ['n']


@pytest.mark.parametrize('key', ['\x1bq', '\x1b\x1b[C', '\x1b[1;5C', '\x1b[3~', '\x1b['])
def test_other_sequences_command_nothing(key: str) -> None:
    assert not any(command_for(found, 'RECORDING') for found in read([key.encode()]))


def test_the_line_shows_what_matters_and_fits() -> None:
    values = {
        'state': 'RECORDING', 'episode_index': '3', 'episodes_saved': '2', 'num_episodes': '50',
        'rows': '120', 'seconds': '4.000', 'remaining_s': '56.2', 'lost': '1',
        'age_ms.observation.images.front': '12.300', 'age_ms.action': '', 'pending': 'false',
    }  # fmt: skip
    line = status_line(values, 200)
    for text in ('RECORDING', 'episode 3 (2/50 saved)', '4.0 s, 120 rows', '56 s left',
                 'front 12', 'action -', 'lost 1'):  # fmt: skip
        assert text in line
    assert len(status_line(values, 40)) == 39


def test_a_waiting_take_and_a_fault_are_shown() -> None:
    assert 'take waits' in status_line({'state': 'RESET', 'pending': 'true'}, 200)
    assert '/cam is silent' in status_line({'state': 'FAULT', 'message': '/cam is silent'}, 200)


def test_an_empty_status_does_no_harm() -> None:
    assert '?' in status_line({}, 80)
