"""What an episode's report says: rates, ages, repeats, losses, and what looks suspicious.

Computed once, from the take's own rows and stamps, when it is sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder_node.episode.sealed import SealedTake
from recorder_node.streams.buffer import Counters
from recorder_node.streams.freshness import counted
from recorder_node.streams.messages import NS

VERSION = 1
OUTCOMES = {True: 'success', False: 'failure', None: None}
# A picture that does not change for so long is called frozen.
FROZEN_S = 1.0
# A joint counts as moving once it left its first value by this share of its range.
_IDLE_SHARE = 0.02


def make(
    take: SealedTake,
    counters: Mapping[str, Counters],
    fallbacks: Mapping[str, int],
    stale: Mapping[str, int],
    refusals: Mapping[str, str],
    built_ns: Sequence[int],
) -> dict[str, Any]:
    """Return the report of a sealed take as plain data.

    Args:
        take: the take.
        counters: per stream, what happened during the take.
        fallbacks: per stream, rows for which `next` found nothing and the last value was taken.
        stale: per stream, rows whose value was older than allowed and was repeated.
        refusals: per stream, why the last message that was of no use was refused.
        built_ns: ROS time at which each row was built.
    """
    times = take.t0_ns + np.arange(take.rows, dtype=np.int64) * NS // take.fps
    streams = {}
    for number, key in enumerate(take.streams):
        stamps, received = take.stamps_ns[:, number], take.recv_ns[:, number]
        streams[key] = {
            **_milliseconds('age', times - stamps),
            **_milliseconds('lag', received - stamps),
            'repeats': int((np.diff(stamps) == 0).sum()),
            'fallbacks': fallbacks.get(key, 0),
            'stale': stale.get(key, 0),
            'lost': counters[key].lost,
            'out_of_order': counters[key].out_of_order,
            'malformed': counters[key].malformed,
            'ahead': counters[key].ahead,
            'behind': counters[key].behind,
            'foreign': counters[key].foreign,
            'refused': counters[key].refused,
            'last_refusal': refusals.get(key, '') if counters[key].refused else '',
        }
    skew = take.stamps_ns.max(axis=1) - take.stamps_ns.min(axis=1)
    report: dict[str, Any] = {
        'version': VERSION,
        'rows': take.rows,
        'seconds': round(take.rows / take.fps, 3),
        'fps': take.fps,
        'rate_hz': _rate_hz(built_ns),
        't0_ns': take.t0_ns,
        'tasks': list(take.tasks),
        **_milliseconds('skew', skew),
        'outcome': OUTCOMES[take.outcome],
        'spilled_frames': take.spilled_frames,
        'spilled_bytes': take.spilled_bytes,
        'streams': streams,
        'warnings': [],
    }
    report['warnings'] = _warnings(take, report)
    return report


def one_line(report: Mapping[str, Any]) -> str:
    """Return the short form for a service reply or a log line."""
    streams = report['streams'].values()
    text = (
        f'{report["rows"]} rows, {report["seconds"]:.1f} s at {report["rate_hz"]:.2f} Hz, '
        f'{sum(s["lost"] for s in streams)} lost, {sum(s["stale"] for s in streams)} stale'
    )
    if report['warnings']:
        text += '; ' + '; '.join(report['warnings'])
    return text


def refusals_in_words(key: str, refused: int, last: str) -> str:
    """Say how many messages of a stream were of no use, and why the last was."""
    return f'{key}: {counted(refused)} refused, last: {last}'


def _rate_hz(built_ns: Sequence[int]) -> float:
    """Rows per second of real time; a straight line through the times at which they were built."""
    if len(built_ns) < 3:
        return 0.0
    slope = np.polyfit(np.arange(len(built_ns)), np.array(built_ns) - built_ns[0], 1)[0]
    return round(float(NS / slope), 4) if slope > 0 else 0.0


def _milliseconds(name: str, values_ns: NDArray[np.int64]) -> dict[str, float]:
    values = values_ns / 1e6
    return {
        f'{name}_ms_mean': round(float(values.mean()), 3),
        f'{name}_ms_p99': round(float(np.quantile(values, 0.99)), 3),
        f'{name}_ms_max': round(float(values.max()), 3),
    }


def _warnings(take: SealedTake, report: Mapping[str, Any]) -> list[str]:
    found = list(take.warnings)
    for name, still in take.longest_still.items():
        if still > FROZEN_S * take.fps:
            found.append(f'{name} shows the same picture for {still / take.fps:.1f} s')
    for name in ('action', 'observation.state'):
        if name in take.columns and take.rows > 1:
            constant = np.flatnonzero(np.ptp(np.asarray(take.columns[name]), axis=0) == 0)
            if len(constant):
                found.append(f'{name} never moves in element {", ".join(map(str, constant))}')
    if 'action' in take.columns and take.rows > 1:
        head, tail = _idle_rows(np.asarray(take.columns['action']))
        for where, rows in (('beginning', head), ('end', tail)):
            if rows > 2 * take.fps:
                found.append(f'nothing moves for {rows / take.fps:.1f} s at the {where}')
    if report['spilled_frames']:
        found.append(
            f'{report["spilled_frames"]} frames ({report["spilled_bytes"] / 1e6:.0f} MB) waited on '
            'disk: the encoder is too slow'
        )
    for key, stream in report['streams'].items():
        if stream['stale']:
            found.append(f'{key} was older than allowed in {stream["stale"]} rows')
        if stream['refused']:
            found.append(refusals_in_words(key, stream['refused'], stream['last_refusal']))
    return found


def _idle_rows(action: NDArray[Any]) -> tuple[int, int]:
    span = np.maximum(np.ptp(action, axis=0), 1e-9) * _IDLE_SHARE
    head = np.flatnonzero((np.abs(action - action[0]) > span).any(axis=1))
    tail = np.flatnonzero((np.abs(action - action[-1]) > span).any(axis=1))
    if not len(head):
        return len(action), len(action)
    return int(head[0]), len(action) - 1 - int(tail[-1])
