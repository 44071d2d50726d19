"""How faithfully a dataset repeats its sources: lags and RMS of joints, PSNR of pictures."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import feather

from recorder_node.dataset.reader import Dataset
from so101_driver.arm import calibration, units
from tests.conftest import JOINTS, REPOSITORY

FOLLOWER = calibration.load(REPOSITORY / 'config' / 'sim' / 'follower.json')

Array = NDArray[np.float64]


def column(root: Path, name: str, episode: int) -> Array:
    """Return one episode's column, shape (rows, n)."""
    files = sorted((root / 'data').glob('*/*.parquet'))
    parts = [pq.read_table(f, columns=[name, 'episode_index']) for f in files]
    rows = [
        value
        for part in parts
        for value, index in zip(
            part.column(name).to_pylist(), part.column('episode_index').to_pylist(), strict=True
        )
        if index == episode
    ]
    return np.array(rows, np.float64)


def best_lag(source: Array, recorded: Array, fps: float, source_fps: float) -> tuple[float, Array]:
    """Return the constant lag (s) with the smallest RMS, and that RMS per joint.

    `source` moves from its first row on; before and after it stands still.
    """
    times = np.arange(len(recorded)) / fps
    best: tuple[float, Array] | None = None
    for lag_s in np.arange(-0.1, 1.0, 0.005):
        at = (times - lag_s) * source_fps
        expected = np.stack(
            [np.interp(at, np.arange(len(source)), source[:, j]) for j in range(source.shape[1])],
            axis=1,
        )
        rms = np.sqrt(((recorded - expected) ** 2).mean(axis=0))
        if best is None or rms.sum() < best[1].sum():
            best = (float(lag_s), rms)
    assert best is not None
    return best


def frames(path: Path) -> list[NDArray[np.uint8]]:
    """Decode a video."""
    with av.open(str(path)) as container:
        return [f.to_ndarray(format='rgb24') for f in container.decode(video=0)]


def episode_frames(root: Path, key: str, index: int) -> list[NDArray[np.uint8]]:
    """Decode an episode's frames, wherever they lie."""
    dataset = Dataset(root)
    episode = dataset.episodes[index]
    first = round(episode.videos[key].begin_s * dataset.fps)
    return frames(root / episode.videos[key].path)[first : first + episode.length]


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the peak signal to noise ratio (dB)."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def match_frames(
    source: list[NDArray[np.uint8]], recorded: list[NDArray[np.uint8]]
) -> tuple[list[int], list[float]]:
    """Return for each recorded frame the source frame it shows, and their PSNR."""
    small = np.stack([s[::8, ::8].astype(np.float32).ravel() for s in source])
    indices, quality = [], []
    for frame in recorded:
        probe = frame[::8, ::8].astype(np.float32).ravel()
        index = int(((small - probe) ** 2).sum(axis=1).argmin())
        indices.append(index)
        quality.append(psnr(source[index], frame))
    return indices, quality


def check_applied(root: Path, episode: int, mode: str, applied: dict[int, list[float]]) -> None:
    """Every recorded action is one that the follower wrote, within one tick."""
    stamps = feather.read_table(root / f'recorder/stamps/episode_{episode:06d}.feather')
    recorded = column(root, 'action', episode)
    known = 0
    for row, stamp_ns in zip(recorded, stamps.column('action/stamp_ns').to_pylist(), strict=True):
        if stamp_ns not in applied:
            continue
        known += 1
        back = units.units_to_rad(row, JOINTS, mode, FOLLOWER)
        ticks = np.abs(
            units.rad_to_ticks(back, JOINTS, FOLLOWER)
            - units.rad_to_ticks(applied[stamp_ns], JOINTS, FOLLOWER)
        )
        assert ticks.max() <= 1
    assert known > 0.9 * len(recorded)
