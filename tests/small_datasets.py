"""Small datasets for tests, written the way the recorder writes them."""

from __future__ import annotations

from pathlib import Path

from recorder_node.contract.contract import Contract
from recorder_node.dataset.check import Checker
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.encoding.video import CODECS, Codec
from recorder_node.episode.take import SealedTake, Take
from recorder_node.streams.sampler import Sampler, make_buffers
from tests.conftest import T0_NS, fill


def sealed(
    tmp_path: Path,
    contract: Contract,
    rows: int,
    tasks: tuple[str, ...] = ('pick',),
    codec: Codec = CODECS['h264'],
) -> SealedTake:
    """Return a sealed take of made-up streams; the tasks share its rows."""
    buffers = make_buffers(contract, 1000.0)
    fill(buffers, rows)
    take = Take(tmp_path / 'ds.recording' / f'take-{rows}', contract, 30, T0_NS, codec)
    sampler = Sampler(contract, buffers, 30)
    for k in range(rows):
        take.add(sampler.row(T0_NS, k), tasks[k * len(tasks) // rows])
    return take.seal()


def record(
    tmp_path: Path,
    contract: Contract,
    lengths: tuple[int, ...],
    resume: bool = False,
    version: str = 'auto',
    codec: Codec = CODECS['h264'],
) -> Path:
    """Write a dataset with episodes of so many rows at `tmp_path / ds`."""
    writer = DatasetWriter(tmp_path / 'ds', describe(contract, 30, version), resume)
    for rows in lengths:
        writer.publish(sealed(tmp_path, contract, rows, codec=codec), {'rows': rows})
    return writer.root


def problems(root: Path) -> list[str]:
    """Return what is wrong with a dataset."""
    return Checker(root).run()


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder, links followed."""
    paths = sorted(folder.rglob('*'))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths if p.is_file()}
