"""What is wrong is refused before any node starts, in words, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.launch.session import launched


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'colour': 'red'}, 'unknown argument "colour"'),
        ({'hardware': None}, 'follower_port is missing'),
        ({'single_task': None}, 'single_task: must not be empty'),
        ({'fps': 60}, 'fps is 60 but camera "front" runs at 30 Hz'),
        ({'follower_calibration': 'none.json'}, 'none.json'),
        ({'root': '/proc/recorder/ds'}, 'cannot be written'),
    ],
)
def test_refused_before_anything_starts(tmp_path: Path, arguments: dict, words: str) -> None:
    with launched(tmp_path, **arguments) as session:
        assert session.wait() != 0
    assert words in session.log
    assert 'process started' not in session.log
    assert [p.name for p in tmp_path.iterdir()] == ['launch.log']


def test_several_mistakes_in_one_message(tmp_path: Path) -> None:
    contract = tmp_path / 'c.yaml'
    contract.write_text('version: 2\nfeatures: {action: {topic: a, type: b}}\n')
    (tmp_path / 'ds').mkdir()
    (tmp_path / 'ds' / 'mine.txt').touch()
    with launched(tmp_path, contract='c.yaml', single_task=None) as session:
        assert session.wait() != 0
    for words in ('version is 2', 'robot_type', "topic is 'a'", 'single_task', 'resume:=true'):
        assert words in session.log
    assert [p.name for p in (tmp_path / 'ds').iterdir()] == ['mine.txt']


def test_a_topic_that_never_comes_ends_the_session_with_its_name(tmp_path: Path) -> None:
    source = Path(__file__).resolve().parents[2] / 'config' / 'so101.yaml'
    contract = tmp_path / 'c.yaml'
    contract.write_text(source.read_text().replace('/cameras/wrist/', '/lab/wrist/'))
    with launched(tmp_path, contract='c.yaml', start_timeout_s=4) as session:
        assert session.wait() != 0
    assert '/lab/wrist/image_raw (observation.images.wrist): nothing received' in session.log
    assert '/cameras/front/image_raw' in session.log
    assert not session.root.exists()
