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
| free_mb | disk space |
| waiting_frames | frames in the encoders' queues |
| message | the last event or refusal, in words |
| last_report | one line about the last episode |
| repo_id, root, fps | the dataset |
"""

from __future__ import annotations

from collections.abc import Mapping

SCHEMA = '1'


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
