"""Takes that were cut: what reached the disk becomes an episode, anything else stays untouched."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from recorder_node.cli.recover import main as recover
from recorder_node.contract.contract import Contract
from recorder_node.dataset.check import Checker
from recorder_node.dataset.lock import RootLock
from recorder_node.encoding.video import CODECS
from recorder_node.episode.take import Take, leftovers
from recorder_node.errors import DatasetError
from recorder_node.streams.buffer import StreamBuffer
from recorder_node.streams.sampler import Sampler
from tests.conftest import T0_NS, fill, small_contract, wait_until
from tests.small_datasets import record


def cut_take(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer], rows: int = 60
) -> Path:
    """Record some rows and take a copy of the folder as a crash would leave it."""
    fill(buffers, rows)
    take = Take(tmp_path / 'live', contract, 30, T0_NS, CODECS['h264'])
    sampler = Sampler(contract, buffers, 30)
    for k in range(rows):
        take.add(sampler.row(T0_NS, k), 'pick')
    wait_until(lambda: not take.waiting_frames, what='the encoder')
    take.sync()
    folder = tmp_path / 'ds.recording' / 'take-1'
    shutil.copytree(take.folder, folder)
    take.remove()
    return folder


def test_a_crash_costs_less_than_a_second(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    cut_take(tmp_path, contract, buffers)
    assert recover([str(tmp_path / 'ds')]) == 0
    checker = Checker(tmp_path / 'ds')
    assert checker.run() == []
    assert 60 - 30 < checker.frames <= 60
    data = pq.read_table(tmp_path / 'ds/data/chunk-000/file-000.parquet')
    action = np.array(data.column('action').to_pylist())[:, 0]
    np.testing.assert_allclose(action, np.sin(np.arange(len(action)) / 10), atol=1e-6)
    assert not leftovers(tmp_path / 'ds.recording')
    assert not (tmp_path / 'ds.recording').exists()


def test_rows_and_video_cut_at_different_places(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    folder = cut_take(tmp_path, contract, buffers)
    rows = folder / 'rows.bin'
    os.truncate(rows, rows.stat().st_size * 20 // 60 + 7)
    assert recover([str(tmp_path / 'ds')]) == 0
    checker = Checker(tmp_path / 'ds')
    assert checker.run() == []
    assert checker.frames == 20


def test_what_cannot_be_recovered_stays(
    tmp_path: Path,
    contract: Contract,
    buffers: dict[str, StreamBuffer],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = cut_take(tmp_path, contract, buffers)
    (folder / 'observation.images.cam0.mp4').write_bytes(b'')
    assert recover([str(tmp_path / 'ds')]) == 1
    assert 'stays as it is' in capsys.readouterr().err
    assert folder.is_dir()
    assert not (tmp_path / 'ds').exists()


def test_a_dataset_that_does_not_match_is_not_touched(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    record(tmp_path, small_contract(cameras=2), (3,))
    folder = cut_take(tmp_path, contract, buffers)
    assert recover([str(tmp_path / 'ds')]) == 1
    assert folder.is_dir()
    assert Checker(tmp_path / 'ds').run() == []


def test_takes_are_listed_without_changing_them(
    tmp_path: Path,
    contract: Contract,
    buffers: dict[str, StreamBuffer],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = cut_take(tmp_path, contract, buffers)
    assert recover([str(tmp_path / 'ds'), '--list']) == 0
    assert str(folder) in capsys.readouterr().out
    assert folder.is_dir()
    assert recover([str(tmp_path / 'other')]) == 1


def test_only_one_process_writes_a_dataset(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    folder = cut_take(tmp_path, contract, buffers)
    lock = RootLock(tmp_path / 'ds.recording')
    with pytest.raises(DatasetError, match=f'process {os.getpid()}'):
        RootLock(tmp_path / 'ds.recording')
    assert recover([str(tmp_path / 'ds')]) == 1
    assert folder.is_dir()
    lock.close()
    lock.close()
    assert recover([str(tmp_path / 'ds')]) == 0


def test_a_take_cut_before_its_first_row_leaves_nothing(
    tmp_path: Path, contract: Contract, capsys: pytest.CaptureFixture[str]
) -> None:
    live = Take(tmp_path / 'live', contract, 30, T0_NS, CODECS['h264'])
    folder = tmp_path / 'ds.recording' / 'take-1'
    shutil.copytree(live.folder, folder)
    live.remove()
    for path in folder.glob('*.mp4'):
        path.unlink()
    assert recover([str(tmp_path / 'ds')]) == 0
    assert 'before its first row' in capsys.readouterr().out
    assert not folder.exists()
    assert not (tmp_path / 'ds').exists()


def test_a_take_whose_video_is_gone_is_kept(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    folder = cut_take(tmp_path, contract, buffers)
    for path in folder.glob('*.mp4'):
        path.unlink()
    assert recover([str(tmp_path / 'ds')]) == 1
    assert folder.is_dir()


def test_a_take_whose_rows_have_gone_is_no_empty_one(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    folder = cut_take(tmp_path, contract, buffers)
    (folder / 'rows.bin').write_bytes(b'')
    assert recover([str(tmp_path / 'ds')]) == 1
    assert folder.is_dir()


@pytest.mark.parametrize(
    'change',
    [
        {'features': 'none'},
        {'features': {'action': {'dtype': None, 'shape': [6], 'names': None}}},
        {'fps': 'many'},
        {'streams': 7},
        {'session': 'x'},
        {'t0_ns': []},
    ],
)
def test_a_damaged_header_hides_no_other_take(
    tmp_path: Path,
    contract: Contract,
    buffers: dict[str, StreamBuffer],
    change: dict,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = cut_take(tmp_path, contract, buffers)
    damaged = folder.with_name('take-0')
    shutil.copytree(folder, damaged)
    header = damaged / 'take.json'
    header.write_text(json.dumps({**json.loads(header.read_text()), **change}))
    assert recover([str(tmp_path / 'ds')]) == 1
    said = capsys.readouterr()
    assert f'{damaged} stays as it is' in said.err
    assert 'take-1 is episode 0' in said.out
    assert damaged.is_dir()
