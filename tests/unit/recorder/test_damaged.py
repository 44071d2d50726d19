"""Whatever is asked of a damaged dataset: no byte is lost, and the answer has words."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder_node.cli.edit import main as edit
from recorder_node.cli.recover import main as recover
from recorder_node.cli.validate import main as validate
from recorder_node.dataset.compose import Part
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.rescue import Wreck
from recorder_node.dataset.writer import DatasetWriter, Description
from recorder_node.errors import DatasetError
from so101_driver.common.errors import DriverError
from tests.damage import DAMAGES, DAMAGES_V30, copy, data_file, jitter, own_things
from tests.small_datasets import contents, problems

V30, V21 = 'v3.0_rollover', 'v2.1'
CASES = [
    *((V30, name) for name in (*DAMAGES, *DAMAGES_V30)),
    *((V21, name) for name in DAMAGES),
]
ALL = DAMAGES | DAMAGES_V30


def resume(root: Path) -> None:
    """Open a dataset as a recorder does that is to add episodes to it."""
    features = {}
    try:
        features = Dataset(root).features
    finally:
        DatasetWriter(root, Description('so101', 30, features), resume=True)


def every_command(root: Path, target: Path) -> None:
    """Run all commands that change a dataset or copy one; each may refuse."""
    assert edit(['delete', str(root), '99']) == 1
    validate([str(root)])
    recover([str(root)])
    recover([str(root), '--list'])
    with pytest.raises(DriverError):
        resume(root)
    for number, words in enumerate(
        (
            ['split', 'ROOT', 'TARGET', '0'],
            ['merge', 'TARGET', 'ROOT', 'ROOT'],
            ['restamp', 'ROOT', 'TARGET'],
            ['consolidate', 'ROOT'],
            ['delete', 'ROOT', '1'],
            ['replace', 'ROOT', '0', '1'],
            ['undo', 'ROOT'],
        )
    ):
        names = {'ROOT': str(root), 'TARGET': f'{target}{number}'}
        edit([names.get(word, word) for word in words])


def digests(folder: Path) -> set[str]:
    """Return what every file below a folder holds."""
    return {hashlib.sha1(data).hexdigest() for data in contents(folder).values()}


@pytest.mark.parametrize(('version', 'case'), CASES)
def test_no_byte_is_lost(
    tmp_path: Path, version: str, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, words = ALL[case]
    root = copy(version, tmp_path / 'ds')
    damage(root)
    before = contents(root)
    assert validate([str(root)]) == 1
    assert words in capsys.readouterr().err
    every_command(root, tmp_path / 'out')
    assert contents(root) == before
    assert words in capsys.readouterr().err
    assert not (tmp_path / 'ds.recording').exists()


@pytest.mark.parametrize(('version', 'case'), CASES)
def test_what_is_whole_is_rescued(
    tmp_path: Path, version: str, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root, target = copy(version, tmp_path / 'ds'), tmp_path / 'out'
    sound = Dataset(root)
    rows = [sound.rows(e) for e in sound.episodes]
    ALL[case][0](root)
    before = contents(root)
    if recover(['--foreign', str(root), str(target)]) == 0:
        assert problems(target) == []
        result = Dataset(target)
        for episode, want in zip(result.episodes, rows, strict=False):
            have = result.rows(episode)
            for name in ('action', 'observation.state', 'frame_index'):
                a, b = (np.array(t.column(name).to_pylist()) for t in (have, want))
                np.testing.assert_array_equal(a, b)
    else:
        said = capsys.readouterr().err
        assert 'is whole' in said or 'info.json' in said
        assert not target.exists()
    assert contents(root) == before


@pytest.mark.parametrize(
    ('case', 'count'),
    [
        ('stale data file', 4),
        ('copies beside', 4),
        ('nan index', 3),
        ('cut data', 2),
        ('fewer records', 3),
        ('macOS', 4),
        ('byte order mark', 4),
        ('fewer counted', 4),
        ('missing video', 3),
    ],
)
def test_the_longest_whole_part_is_rescued(tmp_path: Path, case: str, count: int) -> None:
    root = copy(V30, tmp_path / 'ds')
    ALL[case][0](root)
    assert recover(['--foreign', str(root), str(tmp_path / 'out')]) == 0
    assert len(Dataset(tmp_path / 'out').episodes) == count


@pytest.mark.parametrize('case', [*DAMAGES, *DAMAGES_V30])
def test_a_wreck_says_what_is_lost(tmp_path: Path, case: str) -> None:
    root = copy(V30, tmp_path / 'ds')
    whole: list[Part] = Wreck(root).whole()
    assert len(whole) == 4
    ALL[case][0](root)
    try:
        wreck = Wreck(root)
    except DatasetError:
        return
    assert len(wreck.whole()) == 4 or wreck.lost


@pytest.mark.parametrize('version', [V30, V21])
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_byte_is_lost_whatever_the_damage(
    tmp_path_factory: pytest.TempPathFactory, version: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp('damage')
    root = copy(version, folder / 'ds')
    files = sorted(path for path in root.rglob('*') if path.is_file())
    for path in data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=3, unique=True)):
        content = path.read_bytes()
        kind = data.draw(st.sampled_from(('cut', 'flip', 'gone', 'empty', 'moved', 'doubled')))
        at = data.draw(st.integers(0, len(content) - 1))
        if kind == 'cut':
            path.write_bytes(content[:at])
        elif kind == 'flip':
            path.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        elif kind == 'gone':
            path.unlink()
        elif kind == 'empty':
            path.write_bytes(b'')
        elif kind == 'moved':
            path.rename(path.with_name(f'{path.stem}_moved{path.suffix}'))
        else:
            path.with_name(f'{path.stem}0{path.suffix}').write_bytes(content)
    try_everything(folder, root)


def try_everything(folder: Path, root: Path) -> None:
    """Run the commands that change a dataset; what every file held is still there afterwards."""
    before = digests(folder)
    validate([str(root)])
    for words in (['delete', '99'], ['consolidate'], ['delete', '0'], ['undo']):
        edit([words[0], str(root), *words[1:]])
    recover([str(root)])
    recover(['--foreign', str(root), str(folder / 'rescued')])
    assert before <= digests(folder)


@pytest.mark.parametrize('version', [V30, V21])
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_byte_is_lost_whatever_the_records_say(
    tmp_path_factory: pytest.TempPathFactory, version: str, data: st.DataObject
) -> None:
    """One value anywhere in a JSON file is gone, or another."""
    folder = tmp_path_factory.mktemp('records')
    root = copy(version, folder / 'ds')
    path = data.draw(st.sampled_from(sorted([*root.glob('meta/*.json'), *root.glob('meta/*l')])))
    lines = path.read_text().splitlines() if path.suffix == '.jsonl' else [path.read_text()]
    number = data.draw(st.integers(0, len(lines) - 1))
    inside = document = json.loads(lines[number])
    while True:
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        key = data.draw(st.sampled_from(keys))
        deeper = isinstance(inside[key], (dict, list)) and inside[key]
        if not deeper or data.draw(st.booleans()):
            break
        inside = inside[key]
    if data.draw(st.booleans()):
        del inside[key]
    else:
        values = (None, -1, 0, 1, 2.5, 10**12, 'x', '../../x', [], {}, [1], True)
        inside[key] = data.draw(st.sampled_from(values))
    lines[number] = json.dumps(document)
    path.write_text('\n'.join(lines))
    try_everything(folder, root)


@pytest.mark.parametrize('version', [V30, V21])
def test_times_off_the_grid_are_put_on_it_in_a_copy(tmp_path: Path, version: str) -> None:
    root, target = copy(version, tmp_path / 'ds'), tmp_path / 'out'
    jitter(root)
    before = contents(root)
    assert edit(['restamp', str(root), str(target)]) == 0
    assert problems(target) == []
    assert contents(root) == before
    assert edit(['restamp', str(root), str(tmp_path / 'slow'), '--fps', '15']) == 0
    slow = Dataset(tmp_path / 'slow')
    assert problems(slow.root) == []
    assert slow.rows(slow.episodes[0]).column('timestamp')[2].as_py() == pytest.approx(2 / 15)
    assert edit(['consolidate', str(slow.root)]) == 0
    assert problems(slow.root) == []


@pytest.mark.parametrize('version', [V30, V21])
def test_a_user_s_own_files_survive_every_edit(tmp_path: Path, version: str) -> None:
    root = copy(version, tmp_path / 'ds')
    own_things(root)
    inode = root.stat().st_ino
    notes = {n: d for n, d in contents(root).items() if d.startswith(b'of the user')}
    before = contents(root)
    assert len(notes) == 4
    for words in (['consolidate'], ['delete', '1'], ['replace', '0', '1']):
        assert edit([words[0], str(root), *words[1:]]) == 0
        assert notes.items() <= contents(root).items()
        assert problems(root) == []
        assert Dataset(root).info['my_key'] == 'mine'
    assert root.stat().st_ino == inode
    assert problems(tmp_path / 'ds_old') == []
    assert set(before.values()) <= set(contents(tmp_path).values())
    split = tmp_path / 'part'
    assert edit(['split', str(root), str(split), '0']) == 0
    assert (split / 'meta/modality.json').read_bytes() == notes['meta/modality.json']
    assert not (split / 'README.md').exists()
    assert data_file(split).is_file()


@pytest.mark.parametrize('fps', ['-1', '99999999999999999999'])
def test_a_rate_that_cannot_be_is_refused(
    tmp_path: Path, fps: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copy(V30, tmp_path / 'ds')
    assert edit(['restamp', str(root), str(tmp_path / 'out'), '--fps', fps]) == 1
    assert f'--fps is {fps}' in capsys.readouterr().err
