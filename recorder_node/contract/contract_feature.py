"""Checks one feature of a contract: its name, dtype, shape, names and what fills it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from recorder_node.contract.contract import (
    ELEMENT_DTYPES,
    IMAGE_TYPES,
    JOINT_FIELDS,
    NUMERIC_DTYPES,
    SESSION_DTYPES,
    TEXT_TYPE,
    Feature,
    Source,
)
from recorder_node.contract.contract_source import (
    JOINT_TYPES,
    SOURCE_KEYS,
    Wrong,
    checked_source,
    is_shape,
)
from recorder_node.contract.depth import DepthCoding

INDEX_FEATURES = ('timestamp', 'frame_index', 'episode_index', 'index', 'task_index')
MAX_EDGE_PX = 8192
# What REP 118's 16-bit millimetres can say.
MAX_DEPTH_M = 65.535
# File names are limited to 255 bytes and get endings.
MAX_NAME_BYTES = 200
_POLICY_VECTORS = ('action', 'observation.state')
_FEATURE_KEYS = {'sources', 'dtype', 'shape', 'names', 'depth'}


def checked_feature(name: str, entry: Any, problems: list[str]) -> Feature | None:
    """Check one entry of `features`; None when something was added to `problems`."""
    before = len(problems)

    def wrong(text: str) -> None:
        problems.append(f'feature "{name}": {text}')

    if not isinstance(entry, dict):
        wrong('must be a mapping with at least topic and type')
        return None
    if 'session' in entry:
        _check_name(name, False, wrong)
        feature = _session_feature(name, entry, wrong)
        return feature if len(problems) == before else None
    raw_sources = entry.get('sources', [entry])
    if not isinstance(raw_sources, list) or not raw_sources:
        wrong('sources must be a list of mappings')
        return None
    sources = [checked_source(raw, wrong, shared='sources' not in entry) for raw in raw_sources]
    known = _FEATURE_KEYS | (set() if 'sources' in entry else SOURCE_KEYS)
    for key in entry:
        if key not in known:
            wrong(f'unknown key "{key}"; known: {", ".join(sorted(known))}')
    good = [source for source in sources if source is not None]
    if len(good) != len(raw_sources):
        return None
    is_image = good[0].type in IMAGE_TYPES
    _check_name(name, is_image, wrong)
    if not is_image and 'depth' in entry:
        wrong('depth belongs to a camera with shape [height, width, 1]')
    if is_image:
        feature = _image_feature(name, entry, good, wrong)
    elif good[0].type == TEXT_TYPE:
        feature = _text_feature(name, entry, good, wrong)
    else:
        feature = _number_feature(name, entry, good, wrong)
    return feature if len(problems) == before else None


def _check_name(name: str, is_image: bool, wrong: Wrong) -> None:
    if '/' in name or '\\' in name or name.strip('.') != name or not name.isprintable() or not name:
        wrong('a name must not hold slashes or control characters, nor begin or end with a dot')
    if len(name.encode('utf-8', 'replace')) > MAX_NAME_BYTES:
        wrong(f'a name is a file name too: at most {MAX_NAME_BYTES} bytes')
    if name in INDEX_FEATURES:
        wrong('is an index column that the dataset fills by itself')
    if name == 'task':
        wrong('LeRobot keeps the task of every row under this name; choose another')
    if 'image' in name and not is_image:
        wrong('LeRobot takes every feature with "image" in its name for a picture; rename it')
    if name.startswith('action') and name != 'action':
        wrong(
            'a name that starts with "action" becomes a policy output; '
            'use complementary_info.<name>'
        )


def _session_feature(name: str, entry: dict[str, Any], wrong: Wrong) -> Feature | None:
    kind = entry['session']
    for key in entry:
        if key != 'session':
            wrong(f'key "{key}" has no meaning beside session')
    if kind not in SESSION_DTYPES:
        wrong(f'session is {kind!r}; known: {", ".join(SESSION_DTYPES)}')
        return None
    return Feature(name, SESSION_DTYPES[kind], (1,), None, (), session=kind)


def _image_feature(
    name: str, entry: dict[str, Any], sources: list[Source], wrong: Wrong
) -> Feature | None:
    shape = entry.get('shape')
    if not is_shape(shape) or len(shape) != 3 or shape[2] not in (1, 3) or max(shape) > MAX_EDGE_PX:
        wrong(
            f'shape is {shape!r}, a camera needs [height, width, 3], '
            'a depth camera [height, width, 1]'
        )
        return None
    if any(n % 2 for n in shape[:2]):
        wrong(f'shape is {shape!r}, video needs an even height and width')
    if len(sources) > 1:
        wrong('a camera has one source')
    if sources[0].align == 'linear':
        wrong('align linear is for numbers only')
    if sources[0].units != 'native':
        wrong('units are for numbers only')
    if 'names' in entry:
        wrong('names are for numbers; those of a picture are height, width, channels')
    if entry.get('dtype', 'video') != 'video':
        wrong(f'dtype is {entry["dtype"]!r}; pictures are video, or images with video:=false')
    depth = None
    if shape[2] == 1:
        depth = _depth(entry.get('depth', {}), wrong)
    elif 'depth' in entry:
        wrong(f'depth needs shape [height, width, 1], it is {shape!r}')
    names = ('height', 'width', 'channels')
    return Feature(name, 'video', tuple(shape), names, tuple(sources), depth=depth)


def _depth(raw: Any, wrong: Wrong) -> DepthCoding | None:
    """Check how depth is coded; the defaults are LeRobot's."""
    known = {field.name: field.default for field in dataclasses.fields(DepthCoding)}
    if not isinstance(raw, dict) or set(raw) - set(known):
        wrong(f'depth is {raw!r}, it must be a mapping with keys out of {", ".join(known)}')
        return None
    values = {**known, **raw}
    if values['unit'] not in ('mm', 'm'):
        wrong(f'depth: unit is {values["unit"]!r}; known: mm (encoding 16UC1), m (32FC1)')
    if not isinstance(values['log'], bool):
        wrong(f'depth: log is {values["log"]!r}, it must be true or false')
    metres = [values[key] for key in ('min_m', 'max_m', 'shift_m')]
    if any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in metres):
        wrong('depth: min_m, max_m and shift_m are numbers in metres')
        return None
    low, high, shift = (float(value) for value in metres)
    if not 0 <= low < high <= MAX_DEPTH_M or not math.isfinite(shift) or low + shift <= 0:
        wrong(
            f'depth: it needs 0 <= min_m < max_m <= {MAX_DEPTH_M:g} and min_m + shift_m > 0, '
            f'it is {low:g}, {high:g}, {shift:g}'
        )
    return DepthCoding(values['unit'], low, high, shift, values['log'])


def _text_feature(
    name: str, entry: dict[str, Any], sources: list[Source], wrong: Wrong
) -> Feature | None:
    source = sources[0]
    if len(sources) > 1:
        wrong('a text has one source')
    if entry.get('dtype', 'string') != 'string' or entry.get('shape', [1]) != [1]:
        wrong('a text has dtype string and shape [1]')
    if 'names' in entry:
        wrong('names are for numbers')
    if source.align == 'linear' or source.units != 'native':
        wrong('align linear and units are for numbers only')
    if name in _POLICY_VECTORS:
        wrong('LeRobot keeps this feature as float32')
    return Feature(name, 'string', (1,), None, (source,))


def _number_feature(
    name: str, entry: dict[str, Any], sources: list[Source], wrong: Wrong
) -> Feature | None:
    if any(source.type in (*IMAGE_TYPES, TEXT_TYPE) for source in sources):
        wrong('pictures, texts and numbers cannot be joined')
        return None
    dtype = entry.get('dtype', _default_dtype(name, sources))
    if dtype not in NUMERIC_DTYPES:
        wrong(f'dtype is {dtype!r}; known: {", ".join(NUMERIC_DTYPES)}')
        return None
    if name in _POLICY_VECTORS and dtype != 'float32':
        wrong('LeRobot keeps this feature as float32')
    if not dtype.startswith('float'):
        if any(source.align == 'linear' for source in sources):
            wrong(f'align linear makes fractions, the dtype is {dtype}')
        if any(source.units != 'native' for source in sources):
            wrong(f'units make fractions, the dtype is {dtype}')
    width = sum(source.width for source in sources)
    shape = entry.get('shape', [width])
    if not is_shape(shape) or math.prod(shape) != width:
        wrong(f'shape is {shape!r}, it must be one to five axes with {width} elements in all')
        return None
    if name in _POLICY_VECTORS and len(shape) > 1:
        wrong('LeRobot keeps this feature as a vector')
    names = _names(name, entry.get('names'), shape, sources, wrong)
    return Feature(name, str(dtype), tuple(shape), names, tuple(sources))


def _names(
    name: str, names: Any, shape: list[int], sources: list[Source], wrong: Wrong
) -> tuple[str, ...] | None:
    """Return the names along the last axis, None when the feature has none."""
    if names is None:
        names = [label for source in sources for label in _default_names(source)]
        if len(shape) > 1 or len(names) != shape[0]:
            if name in _POLICY_VECTORS and len(shape) == 1:
                wrong('names are needed: one per element')
            return None
    elif not isinstance(names, list) or len(names) != shape[-1]:
        wrong(f'names must be a list of {shape[-1]}, one per element of the last axis')
        return None
    if not all(isinstance(label, str) for label in names):
        wrong('names must be texts')
        return None
    if len(set(names)) != len(names):
        wrong('names are not unique')
    return tuple(names)


def _default_names(source: Source) -> list[str]:
    if source.type in JOINT_TYPES:
        return [f'{joint}.{JOINT_FIELDS[source.field]}' for joint in source.joints]
    return list(source.fields)


def _default_dtype(name: str, sources: list[Source]) -> str:
    """Return the messages' own type when it is an integer or bool, else float32."""
    own = {ELEMENT_DTYPES.get(source.type, 'float32') for source in sources}
    if len(own) > 1 or name in _POLICY_VECTORS:
        return 'float32'
    dtype = own.pop()
    return 'float32' if dtype.startswith('float') else dtype
