"""Rules for names of nodes, topics and services."""

from __future__ import annotations

import re
from collections.abc import Callable

from rclpy.exceptions import InvalidNodeNameException, InvalidTopicNameException

MakeError = Callable[[str, str, int], Exception]
_TOKEN = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')


def check_node_name(name: str) -> None:
    """Raise InvalidNodeNameException unless the name is a valid node name."""
    if not name:
        raise InvalidNodeNameException(name, 'node name must not be empty', 0)
    for index, letter in enumerate(name):
        if not (letter.isascii() and (letter.isalnum() or letter == '_')):
            raise InvalidNodeNameException(
                name, "node name must not contain characters other than alphanumerics or '_'", index
            )
    if name[0].isdigit():
        raise InvalidNodeNameException(name, 'node name must not start with a number', 0)


def check_full_name(
    name: str,
    error: MakeError = InvalidTopicNameException,
) -> None:
    """Raise the error unless the name is absolute and its parts are valid."""
    if not name.startswith('/'):
        raise error(name, "name must be absolute, it must lead with a '/'", 0)
    if name.endswith('/'):
        raise error(name, "name must not end with a '/'", len(name) - 1)
    position = 1
    for part in name[1:].split('/'):
        if not part:
            raise error(name, "name must not contain repeated '/'", position)
        match = _TOKEN.match(part)
        if match is None:
            raise (
                error(name, 'name token must not start with a number', position)
                if part[0].isdigit()
                else _bad_character(error, name, position)
            )
        if match.end() != len(part):
            raise _bad_character(error, name, position + match.end())
        position += len(part) + 1


def _bad_character(
    error: MakeError,
    name: str,
    index: int,
) -> Exception:
    return error(
        name,
        "name must not contain characters other than alphanumerics, '_', '~', '{', or '}'",
        index,
    )


def expand(
    name: str,
    node_name: str,
    namespace: str,
    error: MakeError = InvalidTopicNameException,
) -> str:
    """Return the full name for a relative, private or absolute one."""
    if not name:
        raise error(name, 'name must not be empty', 0)
    name = name.replace('{node}', node_name).replace('{ns}', namespace)
    name = name.replace('{namespace}', namespace)
    prefix = '' if namespace == '/' else namespace
    if name == '~' or name.startswith('~/'):
        name = f'{prefix}/{node_name}{name[1:]}'
    elif not name.startswith('/'):
        name = f'{prefix}/{name}'
    check_full_name(name, error)
    return name


def join(namespace: str, name: str) -> str:
    """Return the full name of a node."""
    return f'/{name}' if namespace == '/' else f'{namespace}/{name}'


def demangle(dds_topic: str, prefix: str, suffix: str = '') -> str | None:
    """Return the ROS name of a DDS topic with a prefix such as ``rt``, None for others."""
    if not dds_topic.startswith(f'{prefix}/') or not dds_topic.endswith(suffix):
        return None
    return dds_topic[len(prefix) : len(dds_topic) - len(suffix)]
