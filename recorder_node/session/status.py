"""The recorder's status, version 1: pairs of text that any program can read from `~/status`.

| key | value |
|---|---|
| schema | 1 |
| state | IDLE, RECORDING, RESET, FAULT or DONE |
| episode_index | RECORDING, FAULT: of this take; else of the next, if a waiting one is kept |
| episodes_saved, num_episodes | of this session |
| total_episodes | in the dataset, durable |
| task | words |
| rows, seconds | of the running or pending take |
| remaining_s | until the episode or the reset is over; empty in other states |
| pending | true while a finished take waits for save or discard |
| publishing | takes that are being written |
| age_ms.<stream>, rate_hz.<stream> | of the newest message; empty before the first |
| lost | messages missing on all streams in the running or last episode |
| refused, refusals | messages of no use, likewise; how many and why, in words |
| free_mb | disk space |
| waiting_frames | frames in the encoders' queues |
| message | the last event or refusal, in words |
| last_report | one line about the last episode |
| outcome | success or failure when the running or pending take is marked, else empty |
| summary | success rate of the episodes saved in this session, once one is marked |
| upload | idle, done, failed, or how far it is |
| ending | true once everything is settled; the last status of a recorder |
| repo_id, root, fps | the dataset |
"""

from __future__ import annotations

from collections.abc import Mapping

from recorder_node.episode.recording import Recording
from recorder_node.episode.report import one_line, refusals_in_words
from recorder_node.session.conductor import Conductor
from recorder_node.session.evaluation import summary
from recorder_node.session.machine import State
from recorder_node.streams.messages import NS

SCHEMA = '1'


def values_of(conductor: Conductor, now_ns: int) -> dict[str, object]:
    """Return what the table above says, at a ROS time."""
    session, engine, config = conductor.session, conductor.engine, conductor.config
    recording = engine.running or engine.pending
    rows = recording.take.rows if recording else 0
    remaining_ns = conductor.remaining_ns
    report = conductor.last_report
    counters = recording.counters if recording else {}
    values: dict[str, object] = {
        'state': session.state.value,
        'episode_index': _episode_index(conductor),
        'episodes_saved': session.saved,
        'num_episodes': config.num_episodes,
        'total_episodes': conductor.writer.total_episodes,
        'task': conductor.task,
        'rows': rows,
        'seconds': rows / config.fps,
        'remaining_s': None if remaining_ns is None else remaining_ns / NS,
        'pending': engine.pending is not None,
        'publishing': engine.waiting_takes,
        'lost': sum(counted.lost for counted in counters.values()),
        'refused': sum(counted.refused for counted in counters.values()),
        'refusals': '; '.join(
            refusals_in_words(key, counted.refused, conductor.buffers[key].last_refusal)
            for key, counted in counters.items()
            if counted.refused
        ),
        'waiting_frames': recording.take.waiting_frames if recording else 0,
        'free_mb': conductor.free_mb(),
        'message': conductor.message,
        'last_report': one_line(report) if report else None,
        'outcome': _outcome(recording),
        'summary': summary(conductor.outcomes),
        'upload': conductor.pusher.state.describe(),
        'ending': conductor.closed,
        'repo_id': config.repo_id,
        'root': conductor.writer.root,
        'fps': config.fps,
    }
    for key, buffer in conductor.buffers.items():
        newest = buffer.newest()
        age_ms = None if newest is None else (now_ns - newest.stamp_ns) / 1e6
        values[f'age_ms.{key}'] = age_ms
        values[f'rate_hz.{key}'] = None if newest is None else buffer.rate_hz()
    return values


def _episode_index(conductor: Conductor) -> int:
    index = conductor.writer.total_episodes + conductor.engine.waiting_takes
    resetting = conductor.session.state is State.RESET
    return index + (resetting and conductor.engine.pending is not None)


def _outcome(recording: Recording | None) -> str | None:
    if recording is None or recording.outcome is None:
        return None
    return 'success' if recording.outcome else 'failure'


def flatten(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the pairs as text: booleans in lower case, None as an empty string."""
    pairs = [('schema', SCHEMA)]
    for key, value in values.items():
        if value is None:
            text = ''
        elif isinstance(value, bool):
            text = str(value).lower()
        elif isinstance(value, float):
            text = f'{value:.3f}'
        else:
            text = str(value)
        pairs.append((key, text))
    return pairs
