"""Whether a stream is fresh enough for an episode to start, and in words why not."""

from __future__ import annotations

from recorder_node.streams.buffer import StreamBuffer
from recorder_node.streams.messages import NS

# A stamp this far ahead of the clock means that the publisher's clock differs.
AHEAD_NS = NS // 4


def why_not_fresh(buffer: StreamBuffer, now_ns: int) -> str:
    """Return '' when the stream is fresh enough to start an episode, else the reason."""
    name = f'{buffer.source.topic} ({buffer.key})'
    newest = buffer.newest()
    max_age_s = buffer.source.max_age_s
    age_ns = 0 if newest is None else now_ns - newest.stamp_ns
    # A negative latency_s moves good stamps ahead.
    ahead_ns = -age_ns + round(min(0.0, buffer.source.latency_s) * NS)
    if newest is not None and ahead_ns > AHEAD_NS:
        return f'{name}: {ahead(ahead_ns)}'
    if newest is not None and age_ns <= max_age_s * NS:
        return ''
    if told := why_nothing(buffer):
        return f'{name}: {told}'
    if newest is None:
        return f'{name}: nothing received yet'
    if now_ns - newest.recv_ns <= max_age_s * NS:
        return (
            f'{name}: stamps are {age_ns / NS:.1f} s behind this '
            "machine's clock although messages arrive; synchronise the clocks or use "
            'stamp: receive'
        )
    return f'{name}: last message is {age_ns / NS:.1f} s old, {max_age_s:g} s is allowed'


def ahead(ahead_ns: int) -> str:
    """Say that stamps are ahead of the clock, and the cures."""
    return (
        f"stamps are {ahead_ns / NS:.1f} s ahead of this machine's clock; synchronise the clocks "
        'or use stamp: receive'
    )


def why_nothing(buffer: StreamBuffer) -> str:
    """Return what came instead of good messages, '' when nothing came."""
    refusals = buffer.refusals()
    if refusals.in_a_row:
        return f'{counted(refusals.in_a_row)} refused, last: {refusals.reason}'
    foreign = buffer.counters().foreign
    if foreign and buffer.newest() is None:
        return (
            f'{counted(foreign)} without any of its joints ({", ".join(buffer.source.joints)}), '
            f'last: {buffer.foreign_names}'
        )
    return ''


def counted(messages: int) -> str:
    """Return such as `1 message` or `12 messages`."""
    return f'{messages} message{"s" if messages != 1 else ""}'
