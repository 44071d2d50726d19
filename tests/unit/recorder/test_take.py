"""A take of every kind of feature: what is sealed, and what is restored when it was cut."""

from __future__ import annotations

import dataclasses
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder_node.contract.contract import Contract
from recorder_node.encoding.images import decoded
from recorder_node.encoding.video import frames_of
from recorder_node.episode import report as reports
from recorder_node.episode.restore import restore
from recorder_node.episode.sealed import SealedTake
from recorder_node.episode.take import feature_table
from recorder_node.errors import RecorderError
from recorder_node.streams.buffer import Counters
from recorder_node.streams.sampler import Sampler, make_buffers
from tests.conftest import T0_NS
from tests.kinds import (
    COLOUR,
    COUNTS,
    DEPTH,
    MATRIX,
    TEXT,
    cut_copy,
    depth_mm,
    fill_kinds,
    kinds_contract,
    live_take,
    text_of,
)

ROWS = 20


def check(take: SealedTake, contract: Contract, rows: int) -> None:
    """Compare a sealed take with what its streams said, row by row."""
    assert take.rows == rows
    columns = take.columns
    np.testing.assert_array_equal(
        columns[MATRIX], np.arange(6.0).reshape(2, 3) + np.arange(rows)[:, None, None]
    )
    assert columns[MATRIX].dtype == np.float64
    np.testing.assert_array_equal(columns[COUNTS][:, 1], 2**63 - 1 - np.arange(rows, dtype='u8'))
    assert columns['flag'].shape == (rows, 1)
    assert columns['flag'][:, 0].tolist() == [k % 2 == 0 for k in range(rows)]
    assert columns[TEXT] == [text_of(k) for k in range(rows)]
    assert columns['next.done'][:, 0].tolist() == [False] * (rows - 1) + [True]
    for feature in contract.cameras:
        stored = (
            list(frames_of(take.videos[feature.name], feature))
            if feature.is_video
            else [decoded(data, feature.depth is not None) for data in columns[feature.name]]
        )
        assert len(stored) == rows
        for k, frame in enumerate(stored):
            if feature.depth is None:
                # Blue and green of the right upper corner; video is lossy.
                green = int(frame[4, 60, 1])
                assert abs(green - (k * 37) % 256) < 16
                continue
            depth = feature.depth.depths(frame) if feature.is_video else frame
            np.testing.assert_allclose(depth, depth_mm(k), atol=1 if feature.is_video else 0)
            assert not depth[:4, :4].any()
    assert set(take.stats) == set(columns) - {TEXT} | set(take.videos)


@pytest.mark.parametrize('video', [True, False])
def test_every_kind_of_feature_is_sealed(tmp_path: Path, video: bool) -> None:
    contract = kinds_contract(video)
    tasks = ('open', 'close', 'open')
    take = live_take(tmp_path / 'take', contract, ROWS, lambda k: tasks[k * 3 // ROWS]).seal()
    check(take, contract, ROWS)
    assert take.tasks == ('open', 'close')
    assert take.task_of_row.tolist() == [0] * 7 + [1] * 7 + [0] * 6
    assert set(take.videos) == ({COLOUR, DEPTH} if video else set())
    assert take.stats[DEPTH]['max'].shape == (1, 1, 1)
    assert take.stats[DEPTH]['max'].item() == depth_mm(ROWS - 1).max()
    assert take.stats[MATRIX]['mean'].shape == (3,)
    assert not [t for t in threading.enumerate() if t.name.startswith('encode')]
    take.remove()
    assert not take.folder.exists()


def test_images_are_read_lazily_one_or_many(tmp_path: Path) -> None:
    take = live_take(tmp_path / 'take', kinds_contract(video=False), 5).seal()
    images = take.columns[COLOUR]
    assert [data[:4] for data in images[1:3]] == [b'\x89PNG'] * 2
    assert images[-1] == list(images)[4]
    assert images[0] != images[1]
    assert take.columns[DEPTH][0][:2] in (b'II', b'MM')
    with pytest.raises(IndexError):
        images[5]


@pytest.mark.parametrize(
    ('outcome', 'success', 'words'), [(True, True, 'success'), (False, False, 'failure')]
)
def test_a_marked_episode(tmp_path: Path, outcome: bool, success: bool, words: str) -> None:
    take = live_take(tmp_path / 'take', kinds_contract(), 3).seal(outcome)
    assert take.outcome is outcome
    assert take.columns['next.success'][:, 0].tolist() == [False, False, success]
    assert take.columns['next.reward'][:, 0].tolist() == [0.0, 0.0, float(success)]
    assert take.columns['next.reward'].dtype == np.float32
    report = reports.make(take, {key: Counters() for key in take.streams}, {}, {}, {}, [])
    assert report['outcome'] == words
    assert not any('marked' in warning for warning in report['warnings'])
    again, _ = restore(take.folder)
    assert again.outcome is outcome
    assert again.columns['next.success'][-1, 0] == success


def test_an_episode_not_marked_is_no_success(tmp_path: Path) -> None:
    take = live_take(tmp_path / 'take', kinds_contract(), 3).seal()
    assert not take.columns['next.success'].any()
    assert not take.columns['next.reward'].any()
    report = reports.make(take, {key: Counters() for key in take.streams}, {}, {}, {}, [])
    assert report['outcome'] is None
    assert 'not marked as success or failure' in report['warnings'][0]


def test_a_human_takeover_is_kept_per_row(tmp_path: Path) -> None:
    contract = kinds_contract()
    buffers = make_buffers(contract, 100.0)
    fill_kinds(buffers, 4)
    sampler = Sampler(contract, buffers, 30)
    take = live_take(tmp_path / 'take', contract, 0)
    for k in range(4):
        row = dataclasses.replace(sampler.row(T0_NS, k), intervention=k >= 2)
        take.add(row, 'pick')
    column = take.seal().columns['is_intervention']
    assert column[:, 0].tolist() == [False, False, True, True]


def test_the_feature_table_says_how_depth_is_coded() -> None:
    table = feature_table(kinds_contract())
    assert table[DEPTH]['info'] == {
        'is_depth_map': True, 'depth_unit': 'mm', 'video.depth_min': 0.01, 'video.depth_max': 10.0,
        'video.shift': 3.5, 'video.use_log': True,
    }  # fmt: skip
    assert 'info' not in table[COLOUR]
    images = feature_table(kinds_contract(video=False))
    assert images[DEPTH]['info'] == {'is_depth_map': True, 'depth_unit': 'mm'}
    assert (images[COLOUR]['dtype'], images[TEXT]['dtype']) == ('image', 'string')
    assert table[MATRIX]['shape'] == [2, 3]


@pytest.mark.parametrize('video', [True, False])
def test_a_take_that_was_cut_comes_back(tmp_path: Path, video: bool) -> None:
    contract = kinds_contract(video)
    folder = cut_copy(live_take(tmp_path / 'live', contract, ROWS), tmp_path / 'cut')
    take, restored = restore(folder)
    assert ROWS - 2 <= take.rows <= ROWS
    check(take, restored, take.rows)
    assert feature_table(restored) == feature_table(contract)
    assert [f.session for f in restored.session] == [f.session for f in contract.session]


@pytest.fixture(scope='module', params=[True, False], ids=['video', 'images'])
def cut(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A take that was cut after all its frames were stored."""
    folder = tmp_path_factory.mktemp('cut')
    return cut_copy(live_take(folder / 'live', kinds_contract(request.param), ROWS), folder / 'cut')


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shares=st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_files_cut_anywhere_give_their_common_rows(
    cut: Path, tmp_path_factory: pytest.TempPathFactory, shares: list[float]
) -> None:
    folder = tmp_path_factory.mktemp('again') / 'take'
    shutil.copytree(cut, folder)
    whole = restore(cut)[0].rows
    files = sorted(p for p in folder.iterdir() if p.name != 'take.json' and '.done' not in p.name)
    assert len(files) == 4
    for path, share in zip(files, shares, strict=True):
        os.truncate(path, round(path.stat().st_size * share))
    try:
        take, contract = restore(folder)
    except RecorderError:
        assert min(shares) < 0.6
    else:
        check(take, contract, take.rows)
        assert take.rows <= whole
        if min(shares) == 1:
            assert take.rows == whole
    shutil.rmtree(folder)


def test_garbage_behind_the_good_rows_is_left_out(cut: Path, tmp_path: Path) -> None:
    shutil.copytree(cut, tmp_path / 'take')
    for path in (tmp_path / 'take').iterdir():
        if path.suffix in ('.bin', '.jsonl', '.images'):
            with path.open('ab') as file:
                file.write(bytes(1000))
    take, contract = restore(tmp_path / 'take')
    check(take, contract, restore(cut)[0].rows)


def test_a_missing_or_foreign_file_is_told_in_words(cut: Path, tmp_path: Path) -> None:
    shutil.copytree(cut, tmp_path / 'take')
    (tmp_path / 'take' / 'texts.jsonl').unlink()
    with pytest.raises(RecorderError, match=r'texts\.jsonl'):
        restore(tmp_path / 'take')
    (tmp_path / 'take' / 'take.json').write_text('{"format": 1}')
    with pytest.raises(RecorderError, match='format 1 is not 2'):
        restore(tmp_path / 'take')
    (tmp_path / 'take' / 'take.json').write_text('{"format": 2}')
    with pytest.raises(RecorderError, match=r'take\.json'):
        restore(tmp_path / 'take')
