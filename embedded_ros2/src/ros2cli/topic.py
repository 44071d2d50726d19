"""``ros2 topic``."""

from __future__ import annotations

import argparse
from typing import Any

from ros2cli.graph import cli_node, discovered, print_names, visible, wait_for
from ros2cli.topic_verbs import bw, echo, hz, pub


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    verbs: Any = parser.add_subparsers(title='Commands', metavar='')
    listing = verbs.add_parser('list', help='Output a list of available topics')
    listing.add_argument('-t', '--show-types', action='store_true', help='show the types')
    listing.add_argument('-c', '--count-topics', action='store_true', help='show the number')
    listing.add_argument(
        '--include-hidden-topics', action='store_true', help='show hidden topics as well'
    )
    listing.set_defaults(main=show_list)
    kind = verbs.add_parser('type', help="Print a topic's type")
    kind.add_argument('topic_name')
    kind.set_defaults(main=show_type)
    info = verbs.add_parser('info', help='Print information about a topic')
    info.add_argument('topic_name')
    info.add_argument('-v', '--verbose', action='store_true', help='show nodes and QoS as well')
    info.set_defaults(main=show_info)
    echo.add_arguments(verbs.add_parser('echo', help='Output messages from a topic'))
    bw.add_arguments(verbs.add_parser('bw', help='Display bandwidth used by topic'))
    hz.add_arguments(verbs.add_parser('hz', help='Print the average publishing rate'))
    pub.add_arguments(verbs.add_parser('pub', help='Publish a message to a topic'))


def show_list(options: argparse.Namespace) -> int:
    """Print the topics."""
    with discovered() as node:
        pairs = visible(node.get_topic_names_and_types(), options.include_hidden_topics)
    print_names(pairs, options.show_types, options.count_topics)
    return 0


def show_type(options: argparse.Namespace) -> int:
    """Print the type of a topic."""
    with cli_node() as node:
        found = wait_for(
            lambda: dict(node.get_topic_names_and_types()).get(options.topic_name), 3.0
        )
    for kind in found or ():
        print(kind)
    return 0 if found else 1


def show_info(options: argparse.Namespace) -> int | str:
    """Print type and number of users of a topic, with -v each of them."""
    name = options.topic_name
    with discovered() as node:
        types = dict(node.get_topic_names_and_types()).get(name)
        if types is None:
            return f"Unknown topic '{name}'"
        print(
            f'Type: {types[0] if len(types) == 1 else types}\n'
            if options.verbose
            else f'Type: {types[0] if len(types) == 1 else types}'
        )
        for title, endpoints in (
            ('Publisher', node.get_publishers_info_by_topic(name)),
            ('Subscription', node.get_subscriptions_info_by_topic(name)),
        ):
            print(f'{title} count: {len(endpoints)}')
            if options.verbose:
                for endpoint in endpoints:
                    print(f'\n{endpoint}')
                print()
    return 0
