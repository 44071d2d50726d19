"""``ros2 param``."""

from __future__ import annotations

import argparse
import sys
from array import array
from typing import Any

import yaml

from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    ListParameters,
    SetParameters,
)
from ros2cli.graph import cli_node, discovered, is_hidden, wait_for

TYPE_WORDS = {
    'BOOL': 'Boolean value is:',
    'INTEGER': 'Integer value is:',
    'DOUBLE': 'Double value is:',
    'STRING': 'String value is:',
    'BYTE_ARRAY': 'Byte values are:',
    'BOOL_ARRAY': 'Boolean values are:',
    'INTEGER_ARRAY': 'Integer values are:',
    'DOUBLE_ARRAY': 'Double values are:',
    'STRING_ARRAY': 'String values are:',
}


class ParamError(RuntimeError):
    """A parameter command failed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    verbs: Any = parser.add_subparsers(title='Commands', metavar='')
    listing = verbs.add_parser('list', help='Output a list of available parameters')
    listing.add_argument('node_name', nargs='?')
    listing.set_defaults(main=show_list)
    get = verbs.add_parser('get', help='Get parameter')
    get.add_argument('node_name')
    get.add_argument('parameter_name')
    get.add_argument('--hide-type', action='store_true', help='show only the value')
    get.set_defaults(main=show_value)
    setter = verbs.add_parser('set', help='Set parameter')
    setter.add_argument('node_name')
    setter.add_argument('parameter_name')
    setter.add_argument('value', help='value in YAML')
    setter.set_defaults(main=set_value)
    describe = verbs.add_parser('describe', help='Show descriptive information')
    describe.add_argument('node_name')
    describe.add_argument('parameter_names', nargs='+')
    describe.set_defaults(main=show_descriptions)
    dump = verbs.add_parser('dump', help='Show all parameters of a node in YAML')
    dump.add_argument('node_name')
    dump.set_defaults(main=dump_values)


def call(node: Any, target: str, kind: Any, service: str, **fields: Any) -> Any:
    """Call a parameter service of a node; raise ParamError when the node does not answer."""
    import rclpy

    full = target if target.startswith('/') else f'/{target}'
    client = node.create_client(kind, f'{full}/{service}')
    if not client.wait_for_service(3.0):
        known = wait_for(lambda: full in node.get_fully_qualified_node_names(), 0.5)
        raise ParamError('Node has no parameter services' if known else 'Node not found')
    future = client.call_async(kind.Request(**fields))
    rclpy.spin_until_future_complete(node, future, timeout_sec=10.0)
    node.destroy_client(client)
    if not future.done():
        raise ParamError(f"node '{full}' did not answer")
    return future.result()


def names_of(node: Any, target: str) -> list[str]:
    """Return the names of all parameters of a node."""
    response = call(node, target, ListParameters, 'list_parameters')
    return sorted(response.result.names)


def values_of(node: Any, target: str, names: list[str]) -> list[Any]:
    """Return parameters of a node; raise ParamError for a name that is not declared."""
    from rclpy.parameter import Parameter, parameter_value_to_python

    response = call(node, target, GetParameters, 'get_parameters', names=names)
    if len(response.values) != len(names):
        raise ParamError('Parameter not set')
    return [
        Parameter(name, Parameter.Type(value.type), parameter_value_to_python(value))
        for name, value in zip(names, response.values, strict=True)
    ]


def show_list(options: argparse.Namespace) -> int:
    """Print the parameters of one node, or of all."""
    if options.node_name:
        with cli_node() as node:
            for name in names_of(node, options.node_name):
                print(f'  {name}')
        return 0
    with discovered() as node:
        targets = sorted(n for n in node.get_fully_qualified_node_names() if not is_hidden(n))
        for target in targets:
            try:
                names = names_of(node, target)
            except ParamError:
                continue
            print(f'{target}:')
            for name in names:
                print(f'  {name}')
    return 0


def show_value(options: argparse.Namespace) -> int:
    """Print a value."""
    with cli_node() as node:
        (parameter,) = values_of(node, options.node_name, [options.parameter_name])
    if parameter.value is None:
        raise ParamError('Parameter not set')
    words = TYPE_WORDS[parameter.type_.name]
    print(parameter.value if options.hide_type else f'{words} {parameter.value}')
    return 0


def set_value(options: argparse.Namespace) -> int:
    """Set a value."""
    from rcl_interfaces.msg import Parameter
    from rclpy.parameter import get_parameter_value

    message = Parameter(name=options.parameter_name, value=get_parameter_value(options.value))
    with cli_node() as node:
        response = call(
            node, options.node_name, SetParameters, 'set_parameters', parameters=[message]
        )
    result = response.results[0]
    words = 'Set parameter successful' if result.successful else 'Setting parameter failed'
    # As genuine ROS 2 has it, a refusal is told and is no failure of the command.
    print(
        words + (f': {result.reason}' if result.reason else ''),
        file=sys.stdout if result.successful else sys.stderr,
    )
    return 0


def show_descriptions(options: argparse.Namespace) -> int:
    """Print types, descriptions and limits."""
    from rclpy.parameter import Parameter

    with cli_node() as node:
        response = call(
            node,
            options.node_name,
            DescribeParameters,
            'describe_parameters',
            names=options.parameter_names,
        )
    if not response.descriptors:
        raise ParamError(f'Parameter not declared: {", ".join(options.parameter_names)}')
    for found in response.descriptors:
        print(f'Parameter name: {found.name}')
        kind = Parameter.Type(found.type).name.lower().replace('_', ' ')
        print(f'  Type: {kind}')
        if found.description:
            print(f'  Description: {found.description}')
        constraints = [
            f'    {label}: {value}'
            for limits in [*found.integer_range, *found.floating_point_range]
            for label, value in (
                ('Min value', limits.from_value),
                ('Max value', limits.to_value),
                ('Step', limits.step),
            )
            if label != 'Step' or value
        ]
        if found.read_only:
            constraints.insert(0, '    Read only: true')
        print('\n'.join(['  Constraints:', *constraints]))
    return 0


def dump_values(options: argparse.Namespace) -> int:
    """Print all values of a node as a parameter file."""
    full = options.node_name if options.node_name.startswith('/') else f'/{options.node_name}'
    with cli_node() as node:
        parameters = values_of(node, full, names_of(node, full))
    tree: dict[str, Any] = {}
    for parameter in parameters:
        *groups, last = parameter.name.split('.')
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        value = parameter.value
        branch[last] = value.tolist() if isinstance(value, array) else value
    print(yaml.safe_dump({full: {'ros__parameters': tree}}, allow_unicode=True), end='')
    return 0
