"""``ros2 topic bw``."""

from __future__ import annotations

import argparse
import time
from collections import deque

from ros2cli.graph import cli_node
from ros2cli.topic_verbs import qos

DEFAULT_WINDOW_SIZE = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    qos.add_arguments(parser)
    parser.add_argument('topic_name')
    parser.add_argument(
        '-w', '--window', type=int, default=DEFAULT_WINDOW_SIZE, help='number of messages'
    )
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Print the bandwidth of a topic once a second."""
    import rclpy

    sizes: deque[tuple[float, int]] = deque(maxlen=options.window)
    with cli_node() as node:
        kind = qos.topic_class(node, options.topic_name, None, None)
        profile = qos.matching(node, options.topic_name, options)
        node.create_subscription(
            kind,
            options.topic_name,
            lambda message: sizes.append((time.monotonic(), len(message))),
            profile,
            raw=True,
        )
        print(f'Subscribed to [{node.resolve_topic_name(options.topic_name)}]', flush=True)
        next_print = time.monotonic() + 1.0
        while True:
            rclpy.spin_once(node, timeout_sec=max(0.0, next_print - time.monotonic()))
            if time.monotonic() >= next_print:
                next_print += 1.0
                if len(sizes) > 1:
                    print(describe(list(sizes), time.monotonic()), flush=True)


def describe(sizes: list[tuple[float, int]], now_s: float) -> str:
    """Return bytes per second since the first message, and the messages' sizes."""
    lengths = [length for _, length in sizes]
    rate = sum(lengths) / max(now_s - sizes[0][0], 1e-9)
    unit, name = next(((u, n) for u, n in ((1e6, 'MB'), (1e3, 'KB')) if rate >= u), (1.0, 'B'))
    mean, low, high = (
        f'{value / unit:.2f} {name}'
        for value in (sum(lengths) / len(lengths), min(lengths), max(lengths))
    )
    return (
        f'{rate / unit:.2f} {name}/s from {len(sizes)} messages\n'
        f'\tMessage size mean: {mean} min: {low} max: {high}'
    )
