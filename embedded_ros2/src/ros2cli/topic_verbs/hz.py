"""``ros2 topic hz``."""

from __future__ import annotations

import argparse
import math
import time
from collections import deque

from ros2cli.graph import cli_node
from ros2cli.topic_verbs import qos

DEFAULT_WINDOW_SIZE = 10000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    qos.add_arguments(parser)
    parser.add_argument('topic_name')
    parser.add_argument(
        '-w', '--window', type=int, default=DEFAULT_WINDOW_SIZE, help='number of intervals'
    )
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Print the rate of a topic once a second."""
    import rclpy

    intervals: deque[float] = deque(maxlen=options.window)
    last: list[float] = []

    def note(message: bytes) -> None:
        now = time.monotonic()
        if last:
            intervals.append(now - last[0])
        last[:] = [now]

    with cli_node() as node:
        kind = qos.topic_class(node, options.topic_name, None, None)
        node.create_subscription(
            kind,
            options.topic_name,
            note,
            qos.matching(node, options.topic_name, options),
            raw=True,
        )
        shown = 0
        next_print = time.monotonic() + 1.0
        while True:
            rclpy.spin_once(node, timeout_sec=max(0.0, next_print - time.monotonic()))
            if time.monotonic() >= next_print:
                next_print += 1.0
                if intervals and len(intervals) != shown or len(intervals) == options.window:
                    print(describe(list(intervals)), flush=True)
                shown = len(intervals)


def describe(intervals: list[float]) -> str:
    """Return rate, extremes, deviation and number of samples."""
    mean = sum(intervals) / len(intervals)
    deviation = math.sqrt(sum((x - mean) ** 2 for x in intervals) / len(intervals))
    return (
        f'average rate: {1 / mean:.3f}\n\tmin: {min(intervals):.3f}s max: '
        f'{max(intervals):.3f}s std dev: {deviation:.5f}s window: {len(intervals) + 1}'
    )
