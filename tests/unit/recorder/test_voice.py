"""The session's voice: what is said, when, and that it never holds anything up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder_node.session.machine import State
from recorder_node.session.voice import Voice, find_program
from tests.conftest import wait_until


class Words:
    """A log that keeps its warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def info(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...

    def warning(self, message: str) -> None:
        self.warnings.append(message)


class Speaker:
    """A program that writes down what it is to speak, and ends when it may."""

    def __init__(self, folder: Path, ending: str = '') -> None:
        self.spoken = folder / 'spoken'
        self.may_end = folder / 'may_end'
        self.program = folder / 'spd-say'
        self.spoken.touch()
        self.program.write_text(
            f'#!/bin/sh\nfor text; do :; done\necho "$text" >> {self.spoken}\n'
            f'until [ -e {self.may_end} ]; do sleep 0.01; done\n{ending}\n'
        )
        self.program.chmod(0o755)
        self.log = Words()
        self.voice = Voice([str(self.program)], self.log)

    @property
    def sentences(self) -> list[str]:
        return self.spoken.read_text().splitlines()

    def wait_for(self, count: int) -> None:
        wait_until(lambda: len(self.sentences) == count, what='the sentence')


@pytest.fixture
def speaker(tmp_path: Path) -> Iterator[Speaker]:
    made = Speaker(tmp_path)
    yield made
    made.may_end.touch()
    made.voice.close()


def test_each_change_is_said_once(speaker: Speaker) -> None:
    speaker.may_end.touch()
    speaker.voice.note('IDLE', 0)
    for number, (state, episode) in enumerate(
        [('RECORDING', 0), ('RESET', 0), ('RECORDING', 0), ('RECORDING', 1), ('FAULT', 1)], 1
    ):
        speaker.voice.note(state, episode)
        speaker.voice.note(state, episode)
        speaker.wait_for(number)
    speaker.voice.note('DONE', 2)
    speaker.voice.close()
    assert speaker.sentences == [
        'recording episode 0', 'reset the scene', 'recording episode 0', 'recording episode 1',
        'fault: save or discard', 'the session is over',
    ]  # fmt: skip
    assert not speaker.log.warnings


def test_only_the_newest_waits(speaker: Speaker) -> None:
    speaker.voice.note('RECORDING', 0)
    speaker.wait_for(1)
    speaker.voice.note('RESET', 1)
    speaker.voice.note('RECORDING', 1)
    speaker.may_end.touch()
    speaker.wait_for(2)
    assert speaker.sentences == ['recording episode 0', 'recording episode 1']


def test_an_endless_sentence_is_cut_at_the_end(speaker: Speaker) -> None:
    speaker.voice.note('RECORDING', 0)
    speaker.wait_for(1)
    speaker.voice.note('DONE', 1)
    speaker.voice.close()
    speaker.voice.close()
    assert not speaker.voice._thread.is_alive()
    assert speaker.sentences == ['recording episode 0']


def test_a_failing_program_is_told_once(tmp_path: Path) -> None:
    speaker = Speaker(tmp_path, 'exit 3')
    speaker.may_end.touch()
    for episode in range(3):
        speaker.voice.note(State.RECORDING.value, episode)
        speaker.wait_for(episode + 1)
    speaker.voice.close()
    assert [text.split(': ')[-1] for text in speaker.log.warnings] == ['exit code 3']


def test_a_program_that_vanished_is_told(tmp_path: Path) -> None:
    log = Words()
    voice = Voice([str(tmp_path / 'nothing')], log)
    voice.note('RESET', 0)
    wait_until(lambda: log.warnings, what='the warning')
    voice.close()
    assert 'No such file' in log.warnings[0]


def test_the_system_offers_a_program_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    assert find_program() == ()
    for name in ('espeak', 'spd-say'):
        (tmp_path / name).write_text('')
        (tmp_path / name).chmod(0o755)
    assert find_program() == ('spd-say', '--wait')
