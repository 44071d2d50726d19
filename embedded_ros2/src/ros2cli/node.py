"""``ros2 node``."""

from __future__ import annotations

import argparse
from typing import Any

from ros2cli.graph import discovered, is_hidden


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    verbs: Any = parser.add_subparsers(title='Commands', metavar='')
    listing = verbs.add_parser('list', help='Output a list of available nodes')
    listing.add_argument('-a', '--all', action='store_true', help='show hidden nodes as well')
    listing.add_argument('-c', '--count-nodes', action='store_true', help='show only the number')
    listing.set_defaults(main=show_list)
    info = verbs.add_parser('info', help='Output information about a node')
    info.add_argument('node_name')
    info.set_defaults(main=show_info)


def show_list(options: argparse.Namespace) -> int:
    """Print the names of the nodes."""
    with discovered() as node:
        names = sorted(
            name
            for name in node.get_fully_qualified_node_names()
            if options.all or not is_hidden(name)
        )
    if options.count_nodes:
        print(len(names))
    else:
        for name in names:
            print(name)
    return 0


def show_info(options: argparse.Namespace) -> int | str:
    """Print what a node publishes, subscribes to, serves and calls."""
    full = options.node_name if options.node_name.startswith('/') else f'/{options.node_name}'
    namespace, _, name = full.rpartition('/')
    with discovered() as node:
        if full not in node.get_fully_qualified_node_names():
            return f"Unable to find node '{options.node_name}'"
        print(full)
        for title, find in (
            ('Subscribers', node.get_subscriber_names_and_types_by_node),
            ('Publishers', node.get_publisher_names_and_types_by_node),
            ('Service Servers', node.get_service_names_and_types_by_node),
            ('Service Clients', node.get_client_names_and_types_by_node),
        ):
            print(f'  {title}:')
            for topic, types in find(name, namespace or '/'):
                print(f'    {topic}: {", ".join(types)}')
        print('  Action Servers:\n\n  Action Clients:\n')
    return 0
