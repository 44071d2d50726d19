"""``ros2 service``."""

from __future__ import annotations

import argparse
import time
from typing import Any

import yaml

from ros2cli.graph import cli_node, discovered, print_names, visible, wait_for
from rosidl_runtime_py.set_message import set_message_fields
from rosidl_runtime_py.utilities import get_service


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    verbs: Any = parser.add_subparsers(title='Commands', metavar='')
    listing = verbs.add_parser('list', help='Output a list of available services')
    listing.add_argument('-t', '--show-types', action='store_true', help='show the types')
    listing.add_argument('-c', '--count-services', action='store_true', help='show the number')
    listing.add_argument(
        '--include-hidden-services', action='store_true', help='show hidden services as well'
    )
    listing.set_defaults(main=show_list)
    kind = verbs.add_parser('type', help="Output a service's type")
    kind.add_argument('service_name')
    kind.set_defaults(main=show_type)
    call = verbs.add_parser('call', help='Call a service')
    call.add_argument('service_name')
    call.add_argument('service_type', help='such as std_srvs/srv/Trigger')
    call.add_argument('values', nargs='?', default='{}', help='request in YAML')
    call.add_argument('-r', '--rate', type=float, help='repeat with this rate in Hz')
    call.set_defaults(main=call_service)


def show_list(options: argparse.Namespace) -> int:
    """Print the services."""
    with discovered() as node:
        pairs = visible(node.get_service_names_and_types(), options.include_hidden_services)
    print_names(pairs, options.show_types, options.count_services)
    return 0


def show_type(options: argparse.Namespace) -> int:
    """Print the type of a service."""
    with cli_node() as node:
        found = wait_for(
            lambda: dict(node.get_service_names_and_types()).get(options.service_name), 3.0
        )
    for kind in found or ():
        print(kind)
    return 0 if found else 1


def call_service(options: argparse.Namespace) -> int | str:
    """Call a service and print the response."""
    import rclpy

    try:
        service = get_service(options.service_type)
    except ModuleNotFoundError:
        return 'The passed service type is invalid'
    request = service.Request()
    try:
        set_message_fields(request, yaml.safe_load(options.values) or {})
    except (AttributeError, TypeError, ValueError, yaml.YAMLError) as error:
        return f'Failed to populate field: {error}'
    with cli_node() as node:
        client = node.create_client(service, options.service_name)
        if not client.service_is_ready():
            print('waiting for service to become available...', flush=True)
            client.wait_for_service()
        while True:
            print(f'requester: making request: {request!r}\n', flush=True)
            begin = time.monotonic()
            future = client.call_async(request)
            rclpy.spin_until_future_complete(node, future)
            if future.result() is None:
                return f'Exception while calling service: {future.exception()!r}'
            print(f'response:\n{future.result()!r}\n', flush=True)
            if not options.rate:
                return 0
            time.sleep(max(0.0, begin + 1 / options.rate - time.monotonic()))
