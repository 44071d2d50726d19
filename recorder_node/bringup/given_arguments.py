"""What is done to launch arguments before a plan sees them: a file of them, LeRobot's other words.

The arguments here belong to no node; every launch file has them.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from so101_driver.common.parameters import FALSE_WORDS, TRUE_WORDS, Parameter, Spec

CONFIG_PATH = 'config_path'
_NO_STAMP = 'no_stamp'
# LeRobot's options that have nothing to set here, and why.
_NOT_NEEDED = {
    'streaming_encoding': 'frames are always encoded while they are recorded',
    'encoder_queue_maxsize': 'frames that wait for an encoder go to disk, none is dropped',
    'encoder_threads': 'encoders share the processors that are there, behind the recording',
    'num_image_writer_processes': 'there are no image files to write before the video',
    'num_image_writer_threads_per_camera': 'there are no image files to write before the video',
    'video_encoding_batch_size': 'each episode has its video when it ends',
}


class Given(NamedTuple):
    """Arguments as a plan takes them, lines for the log, and what is wrong already."""

    values: dict[str, str]
    notices: list[str]
    problems: list[str]


def further_arguments(arguments: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return what a launch file with these arguments takes besides."""

    def word(name: str, default: str, meaning: str) -> Parameter:
        return Parameter(name, str, default, Spec(meaning))

    found = {
        CONFIG_PATH: word(
            CONFIG_PATH, '', 'YAML file of arguments, name: value; the command line goes first'
        )
    }
    if 'repo_id' in arguments:
        found[_NO_STAMP] = word(
            _NO_STAMP,
            'true',
            'false: the date and time are added to repo_id, so that sessions do not collide; '
            "LeRobot's rollout does so by default, this does not",
        )
        found.update({n: word(n, '', f'not needed: {why}') for n, why in _NOT_NEEDED.items()})
    return found


def from_file(path: str, known: Mapping[str, Parameter]) -> Given:
    """Return the arguments in a file, as texts, with every problem of the file.

    A list is written as on a command line, its values separated by commas; so is a mapping.
    """
    file = Path(path).expanduser()
    try:
        # Texts stay as they were typed: 08 is an id, and no number.
        content = yaml.load(file.read_text(encoding='utf-8-sig'), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return Given({}, [], [f'{CONFIG_PATH} {path}: cannot be read: {error}'])
    if content in ('', None):
        content = {}
    if not isinstance(content, dict):
        return Given({}, [], [f'{CONFIG_PATH} {path}: must hold name: value on each line'])
    problems = [
        f'{CONFIG_PATH} {path}: unknown argument "{name}"; --show-args lists the known ones'
        for name in content
        if name not in known or name == CONFIG_PATH
    ]
    values = {name: _text(value) for name, value in content.items() if name in known}
    return Given(values, [], problems)


def prepared(
    given: Mapping[str, str], arguments: Mapping[str, Parameter], now: datetime.datetime
) -> Given:
    """Return a plan's arguments: those of `further_arguments` are used up."""
    further = further_arguments(arguments)
    values = {name: text for name, text in given.items() if name not in further}
    notices = [
        f'{name} is not needed: {why}' for name, why in _NOT_NEEDED.items() if given.get(name)
    ]
    problems = []
    no_stamp = given.get(_NO_STAMP, 'true').lower()
    if no_stamp not in TRUE_WORDS + FALSE_WORDS:
        problems.append(f'{_NO_STAMP}: "{no_stamp}" is not true or false')
    resumes = values.get('resume', '').lower() in TRUE_WORDS
    if no_stamp in FALSE_WORDS and values.get('repo_id') and not resumes:
        values['repo_id'] += now.strftime('_%Y%m%d_%H%M%S')
    return Given(values, notices, problems)


def _text(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ','.join(map(_text, value))
    if isinstance(value, Mapping):
        return '{' + ', '.join(f'{key}: {_text(item)}' for key, item in value.items()) + '}'
    return str(value)
