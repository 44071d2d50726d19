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


def test_a_file_of_arguments(tmp_path: Path) -> None:
    (tmp_path / 'mine.yaml').write_text(
        'colour: red\nfps: 60\nfollower_id: 08\ncameras: [front]\nstreaming_encoding: true\n'
    )
    with launched(tmp_path, config_path='mine.yaml') as session:
        assert session.wait() != 0
    for words in ('config_path mine.yaml: unknown argument "colour"', 'set fps:=30'):
        assert words in session.log
    assert 'process started' not in session.log
    (tmp_path / 'mine.yaml').write_text(
        'cameras: [front]\nepisode_time_s: 600\nencoder_threads: 2\n'
    )
    # The command line goes before the file.
    with launched(tmp_path, config_path='mine.yaml', episode_time_s=1.0) as session:
        assert session.wait() == 0, session.log
    assert 'encoder_threads is not needed' in session.log
    assert '[camera-' in session.log and 'cameras.wrist' not in session.log


def test_a_topic_that_never_comes_ends_the_session_with_its_name(tmp_path: Path) -> None:
    source = Path(__file__).resolve().parents[2] / 'config' / 'so101.yaml'
    contract = tmp_path / 'c.yaml'
    contract.write_text(source.read_text().replace('/cameras/wrist/', '/lab/wrist/'))
    with launched(tmp_path, contract='c.yaml', start_timeout_s=4) as session:
        assert session.wait() != 0
    assert '/lab/wrist/image_raw (observation.images.wrist): nothing received' in session.log
    assert '/cameras/front/image_raw' in session.log
    assert not session.root.exists()
