"""Interface definitions: what fields a message has and what its RIHS01 hash is.

Message definitions come from the rosbags type store of the distribution in ``ROS_DISTRO``
(Jazzy when it is unset or unknown), service definitions from :mod:`rosidl_embedded.services`.
"""

from __future__ import annotations

import enum
import functools
import os
from dataclasses import dataclass
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.base import normalize_fieldname
from rosbags.typesys.store import Typestore

from rosidl_embedded.services import SERVICES

PLACEHOLDER = 'structure_needs_at_least_one_member'

# rosbags keeps no default values; these are the only non-zero ones in its definitions.
DEFAULTS: dict[str, dict[str, Any]] = {
    'geometry_msgs/msg/Quaternion': {'w': 1.0},
    'type_description_interfaces/srv/GetTypeDescription_Request': {'include_type_sources': True},
}


class Form(enum.Enum):
    """How many values a field holds."""

    SCALAR = enum.auto()
    ARRAY = enum.auto()
    SEQUENCE = enum.auto()


@dataclass(frozen=True)
class Field:
    """One field of a message.

    ``base`` is a primitive name, ``string`` or a full type name such as ``std_msgs/msg/Header``.
    ``size`` is the length of an array or the bound of a sequence (0: unbounded).
    """

    name: str
    base: str
    form: Form
    size: int
    string_bound: int
    default: Any = None


@dataclass(frozen=True)
class Definition:
    """A message type: its constants as (name, base, value) and its fields."""

    name: str
    constants: tuple[tuple[str, str, Any], ...]
    fields: tuple[Field, ...]


def distribution() -> str:
    """Return the ROS distribution whose definitions are used."""
    name = os.environ.get('ROS_DISTRO', '')
    return name if f'ROS2_{name.upper()}' in Stores.__members__ else 'jazzy'


@functools.cache
def typestore() -> Typestore:
    """Return the type store of the distribution with the known services registered."""
    store = get_typestore(Stores[f'ROS2_{distribution().upper()}'])
    for name, text in SERVICES.items():
        if name.startswith('type_desc') and distribution() == 'humble':
            continue  # Humble does not have the messages that it is made of.
        request, response = text.split('---')
        for part, body in (('Request', request), ('Response', response)):
            _register_part(store, f'{name}_{part}', body)
        if 'service_msgs/msg/ServiceEventInfo' in store.fielddefs:
            _register_service(store, name)
    return store


def _register_part(store: Typestore, name: str, text: str) -> None:
    """Add a request or response; rosbags parses only names of messages."""
    parsed = get_types_from_msg(text, name.replace('/srv/', '/msg/'))
    ((constants, fields),) = parsed.values()
    store.fielddefs[name] = (constants, fields or [(PLACEHOLDER, (Nodetype.BASE, ('uint8', 0)))])


def _register_service(store: Typestore, name: str) -> None:
    """Add the event and service structures, which exist only to be hashed."""
    nested = {part: (Nodetype.NAME, f'{name}_{part}') for part in ('Request', 'Response', 'Event')}
    fields: Any = store.fielddefs
    fields[f'{name}_Event'] = (
        [],
        [
            ('info', (Nodetype.NAME, 'service_msgs/msg/ServiceEventInfo')),
            ('request', (Nodetype.SEQUENCE, (nested['Request'], 1))),
            ('response', (Nodetype.SEQUENCE, (nested['Response'], 1))),
        ],
    )
    fields[name] = (
        [],
        [
            ('request_message', nested['Request']),
            ('response_message', nested['Response']),
            ('event_message', nested['Event']),
        ],
    )


@functools.cache
def definition(name: str) -> Definition:
    """Return the definition of a message type; raise KeyError when it is unknown."""
    constants, fields = typestore().fielddefs[name]
    defaults = DEFAULTS.get(name, {})
    return Definition(
        name,
        tuple(constants),
        tuple(_field(key, desc, defaults.get(key)) for key, desc in fields),
    )


def _field(name: str, desc: Any, default: Any) -> Field:
    kind, argument = desc
    form, size = Form.SCALAR, 0
    if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE):
        form = Form.ARRAY if kind == Nodetype.ARRAY else Form.SEQUENCE
        (kind, argument), size = argument
    base, bound = argument if kind == Nodetype.BASE else (argument, 0)
    return Field(normalize_fieldname(name), base, form, size, bound, default)


@functools.cache
def type_hash(name: str) -> str | None:
    """Return the RIHS01 hash of a message or service type, None where ROS 2 has none (Humble)."""
    if distribution() == 'humble' or name not in typestore().fielddefs:
        return None
    return typestore().hash_rihs01(name)


def names(package: str, kind: str) -> list[str]:
    """Return the short names of the types of a package; kind is ``msg`` or ``srv``."""
    known = SERVICES if kind == 'srv' else typestore().fielddefs
    prefix = f'{package}/{kind}/'
    return sorted(name[len(prefix) :] for name in known if name.startswith(prefix))
