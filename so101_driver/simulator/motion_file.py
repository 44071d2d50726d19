"""Recorded motions to replay: LeRobot parquet (column `action`) or CSV, one motion per episode.

Rows are interpolated linearly at their own rate. Values in `range_m100_100` are converted with the
FOLLOWER's calibration: the wire carries radians, so a dataset recorded in the follower's units then
shows the file's own numbers again, whatever the leader's calibration is.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from so101_driver.arm.calibration import Calibration
from so101_driver.arm.joints import JOINTS, FloatArray
from so101_driver.arm.units import units_to_rad
from so101_driver.common.errors import ConfigError
from so101_driver.common.unreadable import why_unreadable

DEFAULT_FPS = 30.0
_TIME_COLUMNS = ('timestamp', 'time', 't')
_SUFFIX = '.pos'


class Motion(NamedTuple):
    """Joint angles over time: seconds from 0, shape (n,), and radians, shape (n, 6)."""

    times_s: FloatArray
    positions_rad: FloatArray

    @property
    def duration_s(self) -> float:
        """Time of the last row."""
        return float(self.times_s[-1])

    def at(self, time_s: float) -> FloatArray:
        """Return the pose at a time; before the start and after the end the motion stands."""
        index = int(np.searchsorted(self.times_s, time_s, side='right'))
        if index == 0:
            return np.asarray(self.positions_rad[0])
        if index == len(self.times_s):
            return np.asarray(self.positions_rad[-1])
        before, after = self.times_s[index - 1], self.times_s[index]
        share = (time_s - before) / (after - before)
        start = self.positions_rad[index - 1]
        return np.asarray(start + share * (self.positions_rad[index] - start))


def load_motions(
    path: str | Path, units: str, calibration: Calibration, fps: float = DEFAULT_FPS
) -> list[Motion]:
    """Read every motion of a file.

    Args:
        path: A `.parquet` or `.csv` file.
        units: Units of the values (`degrees`, `range_m100_100`, `radians`).
        calibration: The follower's, for `range_m100_100`.
        fps: Rows per second where the file has no time column.

    Raises:
        ConfigError: naming the file and what is wrong with it.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ConfigError([f'{path}: no such motion file'])
    if path.suffix == '.parquet':
        values, episodes, times = _read_parquet(path)
    elif path.suffix == '.csv':
        values, episodes, times = _read_csv(path)
    else:
        raise ConfigError([f'{path}: a motion file is .parquet or .csv'])
    if not len(values):
        raise ConfigError([f'{path}: has no rows'])
    if not np.all(np.isfinite(values)):
        raise ConfigError([f'{path}: has values that are not finite'])
    angles = units_to_rad(values, JOINTS, units, calibration)
    motions = []
    for episode in dict.fromkeys(episodes.tolist()):
        rows = episodes == episode
        if times is None:
            seconds = np.arange(int(rows.sum())) / fps
        else:
            seconds = times[rows] - times[rows][0]
            if np.any(np.diff(seconds) <= 0):
                raise ConfigError([f'{path}: time does not increase in episode {episode}'])
        motions.append(Motion(seconds, angles[rows]))
    return motions


def _read_parquet(path: Path) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    try:
        table = pq.read_table(path)
    except (OSError, ValueError) as error:
        raise ConfigError([f'{path} {why_unreadable(path, error)}']) from error
    if 'action' not in table.column_names:
        raise ConfigError([f'{path}: no column "action" (has {", ".join(table.column_names)})'])
    rows = table.column('action').to_pylist()
    if any(row is None or len(row) != len(JOINTS) for row in rows):
        raise ConfigError([f'{path}: "action" does not hold {len(JOINTS)} values in every row'])
    values = np.array(rows, dtype=np.float64).reshape(-1, len(JOINTS))
    episodes = (
        np.asarray(table.column('episode_index').to_numpy(), dtype=np.float64)
        if 'episode_index' in table.column_names
        else np.zeros(len(values))
    )
    times = (
        np.asarray(table.column('timestamp').to_numpy(), dtype=np.float64)
        if 'timestamp' in table.column_names
        else None
    )
    return values, episodes, times


def _read_csv(path: Path) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    with path.open(newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        header = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        columns = {name.removesuffix(_SUFFIX): name for name in header}
        missing = [joint for joint in JOINTS if joint not in columns]
        if missing:
            raise ConfigError([f'{path}: no column for {", ".join(missing)}'])
        rows = list(reader)
    values = _numbers(path, rows, [columns[joint] for joint in JOINTS])
    time_name = next((name for name in _TIME_COLUMNS if name in columns), None)
    times = None if time_name is None else _numbers(path, rows, [columns[time_name]])[:, 0]
    episodes = (
        _numbers(path, rows, ['episode_index'])[:, 0]
        if 'episode_index' in columns
        else np.zeros(len(rows))
    )
    return values, episodes, times


def _numbers(path: Path, rows: Sequence[dict[str, str]], names: Sequence[str]) -> FloatArray:
    try:
        table = [[float(row[name]) for name in names] for row in rows]
    except (TypeError, ValueError) as error:
        raise ConfigError([f'{path}: not a number in {", ".join(names)}: {error}']) from error
    return np.array(table, dtype=np.float64).reshape(-1, len(names))
