"""``ros2 topic pub``."""

from __future__ import annotations

import argparse
import time

import yaml

from ros2cli.graph import cli_node
from ros2cli.topic_verbs import qos
from rosidl_runtime_py.set_message import set_message_fields

_KEEP_ALIVE_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    qos.add_arguments(parser)
    parser.add_argument('topic_name')
    parser.add_argument('message_type', help='such as std_msgs/msg/String')
    parser.add_argument('values', nargs='?', default='{}', help='message in YAML')
    parser.add_argument('-r', '--rate', type=float, default=1.0, help='rate in Hz')
    parser.add_argument('-p', '--print', type=int, default=1, help='print every N-th message')
    parser.add_argument('-1', '--once', action='store_true', help='publish one message')
    parser.add_argument('-t', '--times', type=int, default=0, help='publish this many messages')
    parser.add_argument(
        '-w',
        '--wait-matching-subscriptions',
        type=int,
        help='wait for this many subscriptions (with --once and --times: 1)',
    )
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int | str:
    """Publish a message, once or again and again."""
    from rclpy.qos import qos_profile_default

    if options.rate <= 0:
        return 'rate must be greater than zero'
    times = 1 if options.once else options.times
    with cli_node() as node:
        kind = qos.topic_class(node, options.topic_name, options.message_type, None)
        message = kind()
        try:
            set_message_fields(message, yaml.safe_load(options.values) or {})
        except (AttributeError, TypeError, ValueError, yaml.YAMLError) as error:
            return f'Failed to populate field: {error}'
        publisher = node.create_publisher(
            kind, options.topic_name, qos.from_options(options, qos_profile_default)
        )
        wanted = options.wait_matching_subscriptions
        wanted = (1 if times else 0) if wanted is None else wanted
        while publisher.get_subscription_count() < wanted:
            print(f'Waiting for at least {wanted} matching subscription(s)...', flush=True)
            limit = time.monotonic() + 1.0
            while publisher.get_subscription_count() < wanted and time.monotonic() < limit:
                time.sleep(0.01)
        print('publisher: beginning loop', flush=True)
        next_time = time.monotonic()
        count = 0
        while not times or count < times:
            count += 1
            if options.print and count % options.print == 0:
                print(f'publishing #{count}: {message!r}\n', flush=True)
            publisher.publish(message)
            next_time += 1 / options.rate
            if count != times:
                time.sleep(max(0.0, next_time - time.monotonic()))
        time.sleep(_KEEP_ALIVE_S)
    return 0
