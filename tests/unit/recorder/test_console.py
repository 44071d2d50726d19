"""Keys and the status line."""

from __future__ import annotations

import pytest

from recorder_node.console import command_for, split_keys, status_line
from recorder_node.session import Event


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


def test_keys_typed_at_once_are_told_apart() -> None:
    assert split_keys('n\x1b[Cq\x1b') == ['n', '\x1b[C', 'q', '\x1b']


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
