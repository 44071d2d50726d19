"""Checks one source of a contract's feature: its topic, type, and how its values are picked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from recorder_node.contract.contract import (
    ELEMENT_DTYPES,
    IMAGE_TYPES,
    JOINT_FIELDS,
    TEXT_TYPE,
    Source,
)

ALIGNMENTS = ('hold', 'next', 'nearest', 'linear')
UNITS = ('native', 'radians', 'degrees', 'lerobot')
# Message types without a header: only the time of reception is known.
HEADERLESS = (*ELEMENT_DTYPES, TEXT_TYPE, 'geometry_msgs/msg/Twist')
JOINT_TYPES = ('sensor_msgs/msg/JointState', 'trajectory_msgs/msg/JointTrajectory')
TYPES = (*IMAGE_TYPES, *JOINT_TYPES, 'geometry_msgs/msg/TwistStamped', *HEADERLESS)
TWIST_FIELDS = tuple(f'{a}.{b}' for a in ('linear', 'angular') for b in 'xyz')
MAX_AXES = 5
MAX_AGE_S = 86400.0

Wrong = Callable[[str], None]

SOURCE_KEYS = {field.name for field in dataclasses.fields(Source)}


def checked_source(raw: Any, wrong: Wrong, shared: bool) -> Source | None:
    """Check one source; `shared` means the mapping also carries the feature's own keys."""
    if not isinstance(raw, dict):
        wrong('a source must be a mapping')
        return None
    values = {key: raw[key] for key in SOURCE_KEYS if key in raw}
    if not shared:
        for key in set(raw) - SOURCE_KEYS:
            wrong(f'unknown key "{key}" in a source; known: {", ".join(sorted(SOURCE_KEYS))}')
    topic, type_ = values.get('topic'), values.get('type')
    if not isinstance(topic, str) or not topic.startswith('/') or ' ' in topic:
        wrong(f'topic is {topic!r}, it must be an absolute name such as /follower/joint_states')
    if type_ not in TYPES:
        wrong(f'type is {type_!r}; known: {", ".join(TYPES)}')
        return None
    good = True
    for key, choices in (
        ('align', ALIGNMENTS),
        ('units', UNITS),
        ('stamp', ('header', 'receive')),
        ('field', tuple(JOINT_FIELDS)),
    ):
        if key in values and values[key] not in choices:
            wrong(f'{key} is {values[key]!r}; known: {", ".join(choices)}')
            good = False
    for key, low, high in (
        ('max_age_s', 0.001, MAX_AGE_S),
        ('latency_s', -10.0, 10.0),
        ('rate_hz', 0.0, 10000.0),
    ):
        value = values.get(key)
        if value is not None and (
            not isinstance(value, (int, float))
            or isinstance(value, bool)
            or not low <= value <= high
        ):
            wrong(f'{key} is {value!r}, it must be a number within {low:g}..{high:g}')
            good = False
    several = values.get('several_publishers', False)
    if not isinstance(several, bool):
        wrong(f'several_publishers is {several!r}, it must be true or false')
        good = False
    for key in ('joints', 'fields'):
        value = values.get(key)
        if value is None:
            continue
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            wrong(f'{key} must be a list of names')
            return None
        if len(set(value)) != len(value):
            wrong(f'{key} are not unique')
            good = False
        values[key] = tuple(value)
    if type_ in HEADERLESS:
        if values.get('stamp') == 'header':
            wrong(f'{type_} has no header; use stamp: receive')
        values['stamp'] = 'receive'
    if type_ == TEXT_TYPE:
        # A text holds until the next one, however long that takes.
        values.setdefault('max_age_s', MAX_AGE_S)
    if not good or not isinstance(topic, str):
        return None
    return _sized(Source(**values), raw, wrong)


def _sized(source: Source, raw: Any, wrong: Wrong) -> Source | None:
    """Fill in the number of elements that the source contributes."""
    if source.type in JOINT_TYPES:
        if not source.joints:
            wrong(f'{source.type} needs joints, in the order of the dataset')
            return None
        return dataclasses.replace(source, width=len(source.joints))
    if 'Twist' in source.type:
        fields = source.fields or TWIST_FIELDS
        if unknown := [name for name in fields if name not in TWIST_FIELDS]:
            wrong(f'fields {", ".join(unknown)}; known: {", ".join(TWIST_FIELDS)}')
            return None
        return dataclasses.replace(source, fields=tuple(fields), width=len(fields))
    if 'MultiArray' in source.type:
        width = raw.get('width', _elements(raw))
        if not isinstance(width, int) or width < 1:
            wrong(f'{source.type} needs names, shape or width, for the number of elements')
            return None
        return dataclasses.replace(source, width=width)
    return source


def _elements(raw: Mapping[str, Any]) -> int:
    """Return how many elements the feature's own shape or names promise, 0 when unknown."""
    shape, names = raw.get('shape'), raw.get('names')
    if is_shape(shape):
        return math.prod(shape)
    return len(names) if isinstance(names, list) else 0


def is_shape(shape: Any) -> TypeGuard[list[int]]:
    """Tell whether a value is a shape that LeRobot can store: one to five axes."""
    return (
        isinstance(shape, list)
        and 1 <= len(shape) <= MAX_AXES
        and all(type(n) is int and n > 0 for n in shape)
    )
