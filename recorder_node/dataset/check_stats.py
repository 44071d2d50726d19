"""Checks a dataset's statistics against its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder_node.dataset import layout, schema
from recorder_node.dataset.reader import Dataset, Episode, read_lines
from recorder_node.errors import DatasetError

_REQUIRED = ('min', 'max', 'mean', 'std', 'count')
_TOLERANCE = 1e-4


def check(
    root: Path, info: Mapping[str, Any], episodes: Sequence[Episode], data: pa.Table
) -> list[str]:
    """Compare the dataset's and every episode's statistics with the rows.

    Returns:
        what is wrong, in words.
    """
    version = info['codebase_version']
    features = {n: f for n, f in info['features'].items() if schema.has_statistics(f)}
    values = {}
    for name, feature in features.items():
        if name in data.column_names and not schema.is_picture(feature):
            try:
                values[name] = np.asarray(schema.values_of(data.column(name), feature), np.float64)
            except (ValueError, pa.ArrowException):
                continue
    found = []
    try:
        if version == layout.V30:
            stats = json.loads((root / layout.STATS).read_text(encoding='utf-8'))
            found += _compare(layout.STATS, stats, features, values, version, required=True)
        per_episode = _per_episode(root, version, episodes)
    except (OSError, ValueError, KeyError, DatasetError) as error:
        return [*found, f'statistics cannot be read: {error}']
    for episode, entries in per_episode:
        rows = slice(episode.first_row, episode.first_row + episode.length)
        part = {name: array[rows] for name, array in values.items()}
        where = f'statistics of episode {episode.index}'
        # LeRobot drops those of v3.0 when it loads; those of v2.1 are all there is.
        required = version == layout.V21
        if entries or required:
            found += _compare(where, entries, features, part, version, required)
    return found


def _per_episode(
    root: Path, version: str, episodes: Sequence[Episode]
) -> list[tuple[Episode, Mapping[str, Any]]]:
    if version == layout.V30:
        dataset = Dataset(root)
        return [(episode, dataset.stats(episode)) for episode in episodes]
    lines = {
        line['episode_index']: line['stats']
        for line in read_lines(root / layout.V21_EPISODES_STATS)
    }
    return [(episode, lines.get(episode.index, {})) for episode in episodes]


def _compare(
    where: str,
    stats: Mapping[str, Any],
    features: schema.Features,
    values: Mapping[str, NDArray[np.float64]],
    version: str,
    required: bool,
) -> list[str]:
    found = []
    for name, feature in features.items():
        entry = stats.get(name)
        if entry is None or any(key not in entry for key in _REQUIRED):
            if required:
                found.append(f'{where}: {name} has no complete statistics')
            continue
        arrays = {key: np.asarray(entry[key], np.float64) for key in entry}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            found.append(f'{where}: {name} holds a value that is not finite')
        elif schema.is_picture(feature):
            found += _picture(f'{where}: {name}', arrays, feature)
        elif name in values and len(values[name]):
            found += _numbers(f'{where}: {name}', arrays, values[name], version)
    return found


def _picture(
    where: str, arrays: Mapping[str, NDArray[np.float64]], feature: Mapping[str, Any]
) -> list[str]:
    depth = bool((feature.get('info') or {}).get('is_depth_map'))
    shape = (1, 1, 1) if depth else (3, 1, 1)
    found = [
        f'{where}/{key} has shape {array.shape}, it should be {shape}'
        for key, array in arrays.items()
        if key != 'count' and array.shape != shape
    ]
    if found:
        return found
    low, mean, high = arrays['min'], arrays['mean'], arrays['max']
    if not ((low <= mean + _TOLERANCE) & (mean <= high + _TOLERANCE)).all():
        found.append(f'{where}: mean {mean.ravel()} is not within {low.ravel()}..{high.ravel()}')
    if not depth and ((low < 0) | (high > 1)).any():
        found.append(f'{where}: values are not within 0..1')
    return found


def _numbers(
    where: str, have: Mapping[str, NDArray[np.float64]], values: NDArray[np.float64], version: str
) -> list[str]:
    rows = len(values)
    # v3.0 reduces all axes but the last, v2.1 only the rows.
    flat = values.reshape(-1, values.shape[-1]) if version == layout.V30 else values
    mean, variance = flat.mean(0), flat.var(0)
    found = []
    if have['count'].reshape(-1).tolist() != [rows]:
        found.append(
            f'{where}/count is {have["count"].astype(int).tolist()}, there are {rows} rows'
        )
    for key, true, allowed in (
        ('min', flat.min(0), _TOLERANCE),
        ('max', flat.max(0), _TOLERANCE),
        ('mean', mean, _TOLERANCE),
        # lerobot computes E[x*x] - E[x]^2 in float32, so its noise is that of mean^2.
        ('std', np.sqrt(variance), np.sqrt(1e-5 * (variance + mean**2)) + _TOLERANCE),
    ):
        if have[key].shape != true.shape or not np.all(
            np.abs(have[key] - true) <= allowed * (1 + np.abs(true))
        ):
            found.append(f'{where}/{key} is {have[key].tolist()}, the rows give {true.tolist()}')
    return found
