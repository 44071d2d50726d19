"""Faults as text: one JSON object, or a list of them, for parameters and topics.

    {"kind": "drop", "bus": "follower", "servo": "gripper", "rate": 0.01, "at_s": 2, "for_s": 5}
    {"kind": "unplug", "for_s": 0.5}
    {"kind": "clear"}

Keys are the attributes of `Fault` with `servo` (joint name or id) for its `servo_id`. A fault of
answers without `count` strikes once, or for ever when it has a `rate` or a duration. Faults of
cameras may stand between them; those are read by `cameras.faults`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from so101_driver.bus.packets import Instruction
from so101_driver.common.errors import ConfigError
from so101_driver.simulator.faults import Fault, FaultKind

CLEAR = 'clear'
BUSES = ('follower', 'leader')

_CAMERAS = 'camera_'
_NUMBERS = ('rate', 'at_s', 'for_s', 'delay_s', 'value')
_COUNTS = ('count', 'skip')
_KEYS = ('kind', 'bus', 'servo', 'instruction', *_NUMBERS, *_COUNTS)


class Order(NamedTuple):
    """A fault for one bus; no fault means: end all that there are."""

    bus: str
    fault: Fault | None


def entries(text: str) -> list[Any]:
    """Return the entries of a text, of arms and of cameras: none, one, or those of a list.

    Raises:
        ConfigError: when it is no JSON.
    """
    if not text.strip():
        return []
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError([f'fault: not JSON: {error}']) from None
    return content if isinstance(content, list) else [content]


def parse(text: str, ids: Mapping[str, Mapping[str, int]]) -> list[Order]:
    """Read faults from text.

    Args:
        text: JSON; empty for none.
        ids: Servo ids by joint, for each bus.

    Raises:
        ConfigError: with every mistake.
    """
    problems: list[str] = []
    orders = [
        order for entry in entries(text) if (order := _order(entry, ids, problems)) is not None
    ]
    if problems:
        raise ConfigError(problems)
    return orders


def _order(entry: Any, ids: Mapping[str, Mapping[str, int]], problems: list[str]) -> Order | None:
    if not isinstance(entry, dict):
        problems.append(f'fault: {entry!r} is not an object')
        return None
    if str(entry.get('kind')).startswith(_CAMERAS):
        return None
    before = len(problems)
    problems += [f'fault: unknown key "{key}"' for key in entry if key not in _KEYS]
    bus = entry.get('bus', BUSES[0])
    if bus not in BUSES:
        problems.append(f'fault: bus "{bus}" is not one of {", ".join(BUSES)}')
        return None
    kind = _choice(entry.get('kind'), [CLEAR, *(k.value for k in FaultKind)], 'kind', problems)
    values: dict[str, Any] = {}
    for key in (*_NUMBERS, *_COUNTS):
        if key in entry and (entry[key] is not None or key != 'count'):
            values[key] = _number(key, entry[key], problems)
    if entry.get('count', 0) is None or (
        'count' not in entry and ('rate' in entry or 'for_s' in entry)
    ):
        values['count'] = None
    if 'servo' in entry:
        values['servo_id'] = _servo(entry['servo'], ids[bus], problems)
    if 'instruction' in entry:
        names = [instruction.name.lower() for instruction in Instruction]
        name = _choice(entry['instruction'], names, 'instruction', problems)
        values['instruction'] = Instruction[name.upper()] if name else None
    if len(problems) > before:
        return None
    return Order(bus, None if kind == CLEAR else Fault(FaultKind(kind), **values))


def _choice(value: Any, choices: list[str], what: str, problems: list[str]) -> str:
    if value in choices:
        return str(value)
    problems.append(f'fault: {what} "{value}" is not one of {", ".join(choices)}')
    return ''


def _number(key: str, value: Any, problems: list[str]) -> float | int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        problems.append(f'fault: {key} {value!r} is not a number from 0 on')
        return 0
    return int(value) if key in _COUNTS else float(value)


def _servo(value: Any, ids: Mapping[str, int], problems: list[str]) -> int:
    if value in ids.values():
        return int(value)
    if value in ids:
        return ids[value]
    problems.append(f'fault: servo "{value}" is not one of {", ".join(ids)}')
    return 0
