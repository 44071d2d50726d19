"""Checks a dataset's statistics against its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder_node.dataset import files, layout, schema
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.records import Episode
from recorder_node.errors import DatasetError

_REQUIRED = ('min', 'max', 'mean', 'std', 'count')
_TOLERANCE = 1e-4


def check(
    root: Path, info: Mapping[str, Any], episodes: Sequence[Episode], data: pa.Table
) -> tuple[list[str], list[str]]:
    """Compare the dataset's and every episode's statistics with the rows.

    Returns:
        what is wrong, and what lerobot does not mind, in words.
    """
    version = info['codebase_version']
    try:
        entries = list(_entries(root, version, episodes))
    except DatasetError as error:
        return [str(error).removeprefix(f'{root}/')], []
    features = {n: f for n, f in info['features'].items() if schema.has_statistics(f)}
    values = {}
    for name, feature in features.items():
        if name in data.column_names and not schema.is_picture(feature):
            try:
                values[name] = np.asarray(schema.values_of(data.column(name), feature), np.float64)
            except (ValueError, pa.ArrowException):
                continue
    index = {name: feature for name, feature in features.items() if name in layout.INDEX_FEATURES}
    signals = {name: feature for name, feature in features.items() if name not in index}
    found, stale, notices = [], [], []
    for where, rows, stats, required in entries:
        part = {name: array[rows] for name, array in values.items()}
        lacking = {name for name in _pictures(signals) if name not in stats}
        if version == layout.V30 and required and lacking:
            # lerobot loads such a dataset, and its conversion to video makes one.
            notices.append(f'{where}: {", ".join(sorted(lacking))} has no statistics')
            there = {name: f for name, f in signals.items() if name not in lacking}
        else:
            there = signals
        found += _compare(where, stats, there, part, version, required)
        stale += _compare(where, stats, index, part, version, required)
    # Nobody normalises by these, and lerobot's own delete, split, merge and modify_tasks leave
    # them as they were.
    if stale:
        notices.append(f'statistics of index columns are out of date: {stale[0]}')
    return found, notices


def _pictures(features: schema.Features) -> list[str]:
    return [name for name, feature in features.items() if schema.is_picture(feature)]


def _entries(
    root: Path, version: str, episodes: Sequence[Episode]
) -> Iterator[tuple[str, slice, Mapping[str, Any], bool]]:
    """Yield where statistics stand, the rows they are of, them, and whether LeRobot needs them.

    Raises:
        DatasetError: when they cannot be read.
    """
    if version == layout.V30:
        yield layout.STATS, slice(None), files.read_json(root / layout.STATS), True
    dataset = Dataset(root)
    for episode in episodes:
        rows = slice(episode.first_row, episode.first_row + episode.length)
        stats = dataset.stats(episode)
        # LeRobot drops those of v3.0 when it loads; those of v2.1 are all there is.
        if stats or version == layout.V21:
            yield f'statistics of episode {episode.index}', rows, stats, version == layout.V21


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
        if not isinstance(entry, Mapping) or any(key not in entry for key in _REQUIRED):
            if required:
                found.append(f'{where}: {name} has no complete statistics')
            continue
        try:
            arrays = {key: np.asarray(entry[key], np.float64) for key in entry}
        except (TypeError, ValueError):
            found.append(f'{where}: {name} holds something that is no number')
            continue
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
