"""Reads a contract file; a file with mistakes is refused with all of them listed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from recorder_node.contract import IMAGE_TYPES, JOINT_FIELDS, Contract, Feature, Source
from recorder_node.errors import ContractError

VERSION = 1
INDEX_FEATURES = ('timestamp', 'frame_index', 'episode_index', 'index', 'task_index')
ALIGNMENTS = ('hold', 'next', 'nearest', 'linear')
UNITS = ('native', 'radians', 'degrees', 'lerobot')
# Message types without a header: only the time of reception is known.
HEADERLESS = (
    'std_msgs/msg/Float64MultiArray',
    'std_msgs/msg/Float32MultiArray',
    'std_msgs/msg/Float32',
    'std_msgs/msg/Float64',
    'std_msgs/msg/Int32',
    'std_msgs/msg/Int64',
    'std_msgs/msg/Bool',
    'std_msgs/msg/String',
    'geometry_msgs/msg/Twist',
)
JOINT_TYPES = ('sensor_msgs/msg/JointState', 'trajectory_msgs/msg/JointTrajectory')
TYPES = (*IMAGE_TYPES, *JOINT_TYPES, 'geometry_msgs/msg/TwistStamped', *HEADERLESS)
TWIST_FIELDS = tuple(f'{a}.{b}' for a in ('linear', 'angular') for b in 'xyz')
NUMERIC_DTYPES = (
    'float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool'.split()  # noqa: SIM905
)
MAX_EDGE_PX = 8192


def load(path: str | Path) -> Contract:
    """Read and check a contract file.

    Raises:
        ContractError: when the file is missing, no YAML, or wrong in any number of ways.
    """
    path = Path(path)
    try:
        document = yaml.load(path.read_text(encoding='utf-8'), _UniqueKeys)
    except OSError as error:
        raise ContractError([f'contract {path}: {error.strerror}']) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ContractError([f'contract {path} is not YAML: {error}']) from error
    try:
        return parse(document)
    except ContractError as error:
        raise ContractError([f'contract {path}: {text}' for text in error.problems]) from None


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key given twice is an error instead of the last one winning."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'duplicate key "{key}"', key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def parse(document: Any) -> Contract:
    """Check a contract given as plain data and build it.

    Raises:
        ContractError: with every problem found.
    """
    if not isinstance(document, dict):
        raise ContractError(['the file must hold a mapping with "version" and "features"'])
    problems: list[str] = []
    known = ('version', 'robot_type', 'task_topic', 'features')
    problems += [
        f'unknown key "{key}"; known: {", ".join(known)}' for key in document if key not in known
    ]
    if document.get('version') != VERSION:
        problems.append(f'version is {document.get("version")!r}, this program reads {VERSION}')
    robot_type = document.get('robot_type')
    if not isinstance(robot_type, str) or not robot_type:
        problems.append('robot_type must be a name, such as so_follower')
    entries = document.get('features')
    if not isinstance(entries, dict) or not entries:
        problems.append('features must map at least one dataset feature to a topic')
        entries = {}
    features = [_feature(str(name), entry, problems) for name, entry in entries.items()]
    if problems:
        raise ContractError(problems)
    return Contract(
        robot_type=str(robot_type),
        features=tuple(feature for feature in features if feature is not None),
        task_topic=str(document.get('task_topic') or ''),
    )


def _feature(name: str, entry: Any, problems: list[str]) -> Feature | None:
    before = len(problems)

    def wrong(text: str) -> None:
        problems.append(f'feature "{name}": {text}')

    if not isinstance(entry, dict):
        wrong('must be a mapping with at least topic and type')
        return None
    raw_sources = entry.get('sources', [entry])
    if not isinstance(raw_sources, list) or not raw_sources:
        wrong('sources must be a list of mappings')
        return None
    sources = [_source(raw, wrong, shared='sources' not in entry) for raw in raw_sources]
    known = {'sources', 'dtype', 'shape', 'names'} | (set() if 'sources' in entry else _SOURCE_KEYS)
    for key in entry:
        if key not in known:
            wrong(f'unknown key "{key}"; known: {", ".join(sorted(known))}')
    good = [source for source in sources if source is not None]
    if len(good) != len(raw_sources):
        return None
    is_image = good[0].type in IMAGE_TYPES
    _check_name(name, is_image, wrong)
    if is_image:
        feature = _image_feature(name, entry, good, wrong)
    else:
        feature = _vector_feature(name, entry, good, wrong)
    return feature if len(problems) == before else None


def _check_name(name: str, is_image: bool, wrong: Any) -> None:
    if '/' in name or '\\' in name or name.strip('.') != name or not name.isprintable():
        wrong('a name must not hold slashes or control characters, nor begin or end with a dot')
    if name in INDEX_FEATURES:
        wrong('is an index column that the dataset fills by itself')
    if 'image' in name and not is_image:
        wrong('LeRobot takes every feature with "image" in its name for a picture; rename it')
    if name.startswith('action') and name != 'action':
        wrong(
            'a name that starts with "action" becomes a policy output; '
            'use complementary_info.<name>'
        )


def _image_feature(name: str, entry: Any, sources: list[Source], wrong: Any) -> Feature | None:
    shape = entry.get('shape')
    ok = (
        isinstance(shape, list)
        and len(shape) == 3
        and shape[2] == 3
        and all(isinstance(n, int) and 0 < n <= MAX_EDGE_PX for n in shape)
    )
    if not ok:
        wrong(f'shape is {shape!r}, a camera needs [height, width, 3]')
    elif shape[0] % 2 or shape[1] % 2:
        wrong(f'shape is {shape!r}; height and width must be even (yuv420p)')
    if len(sources) != 1:
        wrong('a camera has one source')
    if sources[0].align == 'linear':
        wrong('align linear is for numbers only')
    if entry.get('dtype', 'video') != 'video':
        wrong(f'dtype is {entry["dtype"]!r}, a camera is stored as video')
    if not ok:
        return None
    return Feature(name, 'video', tuple(shape), ('height', 'width', 'channels'), tuple(sources))


def _vector_feature(name: str, entry: Any, sources: list[Source], wrong: Any) -> Feature | None:
    dtype = entry.get('dtype', 'float32')
    if dtype not in NUMERIC_DTYPES:
        wrong(f'dtype is {dtype!r}; known: {", ".join(NUMERIC_DTYPES)}')
    if name in ('action', 'observation.state') and dtype != 'float32':
        wrong('LeRobot keeps this feature as float32')
    if any(source.type in IMAGE_TYPES for source in sources):
        wrong('pictures and numbers cannot be joined')
    names = entry.get('names')
    width = sum(source.width for source in sources)
    if names is None:
        names = [label for source in sources for label in _default_names(source)]
        names = names if len(names) == width else None
        if names is None and name in ('action', 'observation.state'):
            wrong('names are needed: one per element')
    elif not isinstance(names, list) or len(names) != width:
        wrong(f'names must be a list of {width}, one per element')
        return None
    if names is not None and len(set(names)) != len(names):
        wrong('names are not unique')
    return Feature(name, str(dtype), (width,), tuple(names) if names else None, tuple(sources))


def _default_names(source: Source) -> list[str]:
    if source.type in JOINT_TYPES:
        return [f'{joint}.{JOINT_FIELDS[source.field]}' for joint in source.joints]
    return list(source.fields)


_SOURCE_KEYS = {field.name for field in dataclasses.fields(Source)}


def _source(raw: Any, wrong: Any, shared: bool) -> Source | None:
    """Check one source; `shared` means the mapping also carries the feature's own keys."""
    if not isinstance(raw, dict):
        wrong('a source must be a mapping')
        return None
    values = {key: raw[key] for key in _SOURCE_KEYS if key in raw}
    if not shared:
        for key in set(raw) - _SOURCE_KEYS:
            wrong(f'unknown key "{key}" in a source; known: {", ".join(sorted(_SOURCE_KEYS))}')
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
        ('max_age_s', 0.001, 60.0),
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
    if not good or not isinstance(topic, str):
        return None
    return _sized(Source(**values), raw, wrong)


def _sized(source: Source, raw: Any, wrong: Any) -> Source | None:
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
        names = raw.get('names')
        width = raw.get('width', len(names) if isinstance(names, list) else 0)
        if not isinstance(width, int) or width < 1:
            wrong(f'{source.type} needs names (or width), one per element')
            return None
        return dataclasses.replace(source, width=width)
    if source.type == 'std_msgs/msg/String':
        wrong('a text is recorded as the task: name its topic under task_topic')
        return None
    return source
