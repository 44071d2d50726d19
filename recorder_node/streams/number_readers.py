"""Numbers out of messages: joints by name, Twist components, arrays of the contract's shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from recorder_node.contract.contract import ELEMENT_DTYPES, JOINT_FIELDS, Feature, Source
from recorder_node.errors import ForeignMessage, StreamError
from recorder_node.streams.values import Vector


def number_reader(feature: Feature, source: Source) -> Callable[[Any], Vector]:
    """Return the function that takes a source's numbers out of its messages, in its own units.

    The function raises StreamError, naming topic and cause, for a message that does not fit, and
    ForeignMessage for one that has none of the joints.
    """
    if source.type == 'sensor_msgs/msg/JointState':
        return _JointReader(source, lambda message: getattr(message, source.field))
    if source.type == 'trajectory_msgs/msg/JointTrajectory':
        field = {'position': 'positions', 'velocity': 'velocities', 'effort': 'effort'}
        return _JointReader(
            source, lambda message: _last_point(source, message, field[source.field])
        )
    if 'Twist' in source.type:
        paths = [name.split('.') for name in source.fields]

        def read_twist(message: Any) -> Vector:
            twist = getattr(message, 'twist', message)
            return np.array([getattr(getattr(twist, a), b) for a, b in paths], np.float64)

        return read_twist
    element = np.dtype(ELEMENT_DTYPES[source.type])
    if 'MultiArray' in source.type:
        return _ArrayReader(feature, source, element)
    return lambda message: np.array([message.data], element)


def _last_point(source: Source, message: Any, field: str) -> Sequence[float]:
    if not message.points:
        raise StreamError(f'{source.topic}: a trajectory without points')
    values: Sequence[float] = getattr(message.points[-1], field)
    return values


class _ArrayReader:
    """Reads a MultiArray; its layout, where it is given, must be the feature's shape."""

    def __init__(self, feature: Feature, source: Source, element: np.dtype[Any]) -> None:
        self._topic = source.topic
        self._width = source.width
        self._element = element
        # Of several sources none has the feature's shape; of a vector the layout says nothing.
        self._shape = feature.shape if len(feature.sources) == 1 else (source.width,)

    def __call__(self, message: Any) -> Vector:
        data = message.data
        if isinstance(data, (bytes, bytearray)):
            data = np.frombuffer(data, self._element)
        values = np.asarray(data, self._element)
        if values.shape != (self._width,):
            raise StreamError(
                f'{self._topic}: {values.size} values, the contract says {self._width}'
            )
        if len(self._shape) > 1:
            self._check_layout(message)
        return values

    def _check_layout(self, message: Any) -> None:
        sizes = tuple(axis.size for axis in message.layout.dim)
        if sizes not in ((), (self._width,), self._shape):
            raise StreamError(
                f'{self._topic}: an array of shape {list(sizes)}, '
                f'the contract says {list(self._shape)}'
            )


class _JointReader:
    """Picks joints by name; the order is looked up again only when the message's names change."""

    def __init__(self, source: Source, field: Callable[[Any], Sequence[float]]) -> None:
        self._source = source
        self._field = field
        self._names: list[str] | None = None
        self._order: list[int] = []

    def __call__(self, message: Any) -> Vector:
        names = list(getattr(message, 'name', None) or getattr(message, 'joint_names', []))
        if names != self._names:
            self._order = self._find(names)
            self._names = names
        values = np.asarray(self._field(message), np.float64)
        if values.size != len(names):
            kind = JOINT_FIELDS[self._source.field]
            raise StreamError(
                f'{self._source.topic}: {values.size} values of {kind} for {len(names)} joint names'
            )
        return values[self._order]

    def _find(self, names: list[str]) -> list[int]:
        topic, joints = self._source.topic, self._source.joints
        missing = [joint for joint in joints if joint not in names]
        if names and len(missing) == len(joints):
            raise ForeignMessage(topic, ', '.join(names))
        if missing:
            raise StreamError(
                f'{topic}: no joint {", ".join(missing)} in the '
                f'message; it has {", ".join(names) or "none"}'
            )
        if twice := [joint for joint in joints if names.count(joint) > 1]:
            raise StreamError(f'{topic}: joint {", ".join(twice)} more than once in the message')
        return [names.index(joint) for joint in self._source.joints]
