"""``ros2 topic echo``."""

from __future__ import annotations

import argparse
import functools
import time
from typing import Any

import yaml

from ros2cli.graph import cli_node
from ros2cli.topic_verbs import qos
from rosidl_runtime_py import message_to_csv, message_to_yaml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    qos.add_arguments(parser)
    parser.add_argument('topic_name')
    parser.add_argument('message_type', nargs='?', help='such as std_msgs/msg/String')
    parser.add_argument('--csv', action='store_true', help='output as comma-separated values')
    parser.add_argument('--field', metavar='FIELD', help='show only a field, such as header.stamp')
    parser.add_argument('-f', '--full-length', action='store_true', help='truncate nothing')
    parser.add_argument(
        '-l', '--truncate-length', type=int, default=128, help='length of arrays and texts'
    )
    parser.add_argument('--no-arr', action='store_true', help='leave arrays out')
    parser.add_argument('--no-str', action='store_true', help='leave texts out')
    parser.add_argument('--flow-style', action='store_true', help='collections in flow style')
    parser.add_argument('--once', action='store_true', help='end after the first message')
    parser.add_argument('--timeout', type=float, metavar='S', help='end after this time')
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int | str:
    """Print the messages of a topic."""
    import rclpy

    deadline = None if options.timeout is None else time.monotonic() + options.timeout
    done: list[bool] = []
    with cli_node() as node:
        kind = qos.topic_class(node, options.topic_name, options.message_type, 3.0)
        show = functools.partial(print_message, options, done)
        node.create_subscription(
            kind, options.topic_name, show, qos.matching(node, options.topic_name, options)
        )
        while not done:
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                return 0 if not options.once else 1
            rclpy.spin_once(node, timeout_sec=remaining)
    return 0


def print_message(options: argparse.Namespace, done: list[bool], message: Any) -> None:
    """Print one message."""
    if done:
        return
    if options.once:
        done.append(True)
    value = message
    for part in (options.field or '').split('.'):
        if part:
            value = _member(value, part)
    limits = {
        'truncate_length': None if options.full_length else options.truncate_length,
        'no_arr': options.no_arr,
        'no_str': options.no_str,
    }
    if not hasattr(value, 'get_fields_and_field_types'):
        print(
            ','.join(map(str, value))
            if options.csv and not isinstance(value, str) and hasattr(value, '__iter__')
            else value
        )
        if not options.csv:
            print('---', flush=True)
    elif options.csv:
        print(message_to_csv(value, **limits), flush=True)
    else:
        text = message_to_yaml(value, **limits, flow_style=options.flow_style)
        print(text, end='')
        print('---', flush=True)


def _member(value: Any, part: str) -> Any:
    """Return a field; ``name[2]`` is an element of an array."""
    name, bracket, index = part.partition('[')
    if not hasattr(value, name):
        raise RuntimeError(f"Invalid field '{part}': {type(value).__name__} has no '{name}'")
    value = getattr(value, name)
    return value[yaml.safe_load(index.rstrip(']'))] if bracket else value
