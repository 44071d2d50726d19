"""Messages as dictionaries, YAML and CSV."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import yaml

from rosidl_embedded.message import Message

DEFAULT_TRUNCATE_LENGTH = 128


class _Dumper(yaml.SafeDumper):
    """Writes dictionaries in their order and short lists of numbers on lines of their own."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, indentless)


_Dumper.add_representer(
    OrderedDict,
    lambda dumper, value: dumper.represent_mapping('tag:yaml.org,2002:map', value.items()),
)


def message_to_ordereddict(
    msg: Message,
    *,
    truncate_length: int | None = None,
    no_arr: bool = False,
    no_str: bool = False,
) -> OrderedDict[str, Any]:
    """Return the fields of a message, nested ones as dictionaries."""
    limits = (truncate_length, no_arr, no_str)
    result: OrderedDict[str, Any] = OrderedDict()
    for name, kind in msg.get_fields_and_field_types().items():
        result[name] = _plain(getattr(msg, name), kind, limits)
    return result


def _plain(value: Any, kind: str, limits: tuple[int | None, bool, bool]) -> Any:
    length, no_arr, no_str = limits
    if isinstance(value, Message):
        return message_to_ordereddict(value, truncate_length=length, no_arr=no_arr, no_str=no_str)
    if isinstance(value, bytes):
        return ''.join(map(chr, value))
    if isinstance(value, str):
        if no_str:
            return f'<string length: <{len(value)}>>'
        return f'{value[:length]}...' if length is not None and len(value) > length else value
    if not isinstance(value, (list, array, np.ndarray)):
        return value
    if no_arr:
        return f'<{_sequence_words(kind)}, length: {len(value)}>'
    shown = value if length is None else value[:length]
    items = [
        _plain(item, kind, limits)
        for item in (shown.tolist() if isinstance(shown, (array, np.ndarray)) else shown)
    ]
    return [*items, '...'] if len(shown) < len(value) else items


def _sequence_words(kind: str) -> str:
    if kind.startswith('sequence<'):
        return f'sequence type: {kind[len("sequence<") : -1]}'
    return f'array type: {kind}'


def message_to_yaml(
    msg: Message,
    *,
    truncate_length: int | None = None,
    no_arr: bool = False,
    no_str: bool = False,
    flow_style: bool = False,
) -> str:
    """Return a message as YAML."""
    fields = message_to_ordereddict(
        msg, truncate_length=truncate_length, no_arr=no_arr, no_str=no_str
    )
    return str(
        yaml.dump(
            fields, Dumper=_Dumper, default_flow_style=flow_style, allow_unicode=True, width=10**9
        )
    )


def message_to_csv(
    msg: Message,
    *,
    truncate_length: int | None = None,
    no_arr: bool = False,
    no_str: bool = False,
) -> str:
    """Return the values of a message with commas between them."""
    fields = message_to_ordereddict(
        msg, truncate_length=truncate_length, no_arr=no_arr, no_str=no_str
    )
    return ','.join(_leaves(fields))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for nested in value.values():
            yield from _leaves(nested)
    elif isinstance(value, list):
        for nested in value:
            yield from _leaves(nested)
    else:
        yield str(value)
