"""A file of launch arguments, dated names, and LeRobot's words that set nothing here."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from recorder_node.bringup.arguments import table_of_arguments
from recorder_node.bringup.arms_plan import pair_arguments
from recorder_node.bringup.given_arguments import from_file, further_arguments, prepared

KNOWN = {**table_of_arguments(), **further_arguments(table_of_arguments())}
NOW = datetime.datetime(2026, 11, 25, 7, 5, 9)


def test_values_of_a_file_are_those_of_a_command_line(tmp_path: Path) -> None:
    path = tmp_path / 'a.yaml'
    path.write_text(
        'follower_id: 08\nresume: true\nfps: 1e1\nhome: [0, -90.5]\nroot:\n'
        'max_relative_target: {shoulder_pan: 5, gripper: 10}\ncameras:\n- front\n- wrist\n'
    )
    given = from_file(str(path), KNOWN)
    assert given.problems == []
    assert given.values == {
        'follower_id': '08', 'resume': 'true', 'fps': '1e1', 'home': '0,-90.5', 'root': '',
        'max_relative_target': '{shoulder_pan: 5, gripper: 10}', 'cameras': 'front,wrist',
    }  # fmt: skip


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        (None, 'cannot be read'),
        ('a: [', 'cannot be read'),
        ('- a', 'name: value'),
        ('colour: red', 'unknown argument "colour"'),
        ('config_path: other.yaml', 'unknown argument "config_path"'),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / 'a.yaml'
    if text is not None:
        path.write_text(text)
    (problem,) = from_file(str(path), KNOWN).problems
    assert str(path) in problem and words in problem


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / 'a.yaml'
    path.write_text('# nothing yet\n')
    assert from_file(str(path), KNOWN) == ({}, [], [])


@pytest.mark.parametrize(
    ('given', 'repo_id'),
    [
        ({}, 'me/x'),
        ({'no_stamp': 'true'}, 'me/x'),
        ({'no_stamp': 'false'}, 'me/x_20261125_070509'),
        ({'no_stamp': 'false', 'resume': 'true'}, 'me/x'),
    ],
)
def test_names_are_dated_on_request(given: dict[str, str], repo_id: str) -> None:
    found = prepared({'repo_id': 'me/x', **given}, table_of_arguments(), NOW)
    assert (found.values['repo_id'], found.problems) == (repo_id, [])
    assert 'no_stamp' not in found.values


def test_words_without_need_are_answered() -> None:
    given = {'encoder_threads': '2', 'video_encoding_batch_size': '', 'no_stamp': 'perhaps'}
    found = prepared(given, table_of_arguments(), NOW)
    (notice,) = found.notices
    assert notice.startswith('encoder_threads is not needed: ')
    assert found.problems == ['no_stamp: "perhaps" is not true or false']
    assert found.values == {}


def test_launch_files_without_a_recording_have_only_the_file() -> None:
    assert list(further_arguments(pair_arguments())) == ['config_path']
