"""Faults of simulated cameras as text: one JSON object, or a list of them.

    {"kind": "camera_unplug", "camera": "front", "for_s": 0.5}
    {"kind": "camera_stall", "at_s": 2, "for_s": 3}
    {"kind": "camera_damage", "rate": 0.1}
    {"kind": "camera_clear"}

The topic is that of the simulated arms; kinds without `camera_` are theirs and none of ours.
"""

from __future__ import annotations

import dataclasses
import math
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from so101_driver.common.errors import ConfigError
from so101_driver.simulator.fault_spec import entries

UNPLUG, STALL, DAMAGE, CLEAR = 'camera_unplug', 'camera_stall', 'camera_damage', 'camera_clear'
KINDS = (UNPLUG, STALL, DAMAGE, CLEAR)

_PREFIX = 'camera_'
_NUMBERS = ('at_s', 'for_s', 'rate')
_KEYS = ('kind', 'camera', 'count', *_NUMBERS)


@dataclasses.dataclass
class CameraFault:
    """One fault.

    Attributes:
        kind: What happens.
        camera: Whose, by name; '' for every camera's.
        at_s: How long after it is ordered it begins.
        for_s: How long it lasts; for ever by default, until it is cleared.
        rate: Chance that a picture is damaged, 0..1.
        count: How many pictures are damaged; None = as long as it lasts.
    """

    kind: str
    camera: str = ''
    at_s: float = 0.0
    for_s: float = math.inf
    rate: float = 1.0
    count: int | None = None


def parse(text: str) -> list[CameraFault]:
    """Read the faults of cameras from text; those of arms are left out.

    Raises:
        ConfigError: with every mistake.
    """
    problems: list[str] = []
    faults = [
        _fault(entry, problems)
        for entry in entries(text)
        if isinstance(entry, dict) and str(entry.get('kind')).startswith(_PREFIX)
    ]
    if problems:
        raise ConfigError(problems)
    return faults


def _fault(entry: dict[str, Any], problems: list[str]) -> CameraFault:
    kind = entry['kind']
    if kind not in KINDS:
        problems.append(f'fault: kind "{kind}" is not one of {", ".join(KINDS)}')
    problems += [f'fault: unknown key "{key}"' for key in entry if key not in _KEYS]
    values = {key: value for key, value in entry.items() if key in _KEYS}
    for key in (*_NUMBERS, 'count'):
        value = values.get(key, 0)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not 0 <= value < math.inf or (key == 'count' and value != int(value)):
            problems.append(f'fault: {key} {value!r} is not a number from 0 on')
    if not isinstance(values.get('camera', ''), str):
        problems.append(f'fault: camera {values["camera"]!r} is not a name')
    return CameraFault(**values)


class CameraFaults:
    """The faults of one camera, in time; any thread may call it.

    Args:
        camera: The camera's name.
        clock_s: Monotonic clock.
    """

    def __init__(self, camera: str, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._camera = camera
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._faults: list[tuple[float, CameraFault]] = []
        self._random = random.Random(0)

    def order(self, text: str) -> int:
        """Let faults happen; return how many of them are for this camera.

        Raises:
            ConfigError: with every mistake in the text; nothing of it happens then.
        """
        mine = [fault for fault in parse(text) if fault.camera in ('', self._camera)]
        with self._lock:
            for fault in mine:
                if fault.kind == CLEAR:
                    self._faults.clear()
                else:
                    self._faults.append((self._clock_s() + fault.at_s, fault))
        return len(mine)

    def is_on(self, kind: str) -> bool:
        """Tell whether a fault of a kind is happening now."""
        with self._lock:
            return bool(self._now(kind))

    def damages(self) -> bool:
        """Tell whether the next picture is damaged; asked once for each."""
        with self._lock:
            for fault in self._now(DAMAGE):
                if self._random.random() < fault.rate:
                    if fault.count is not None:
                        fault.count -= 1
                    return True
        return False

    def _now(self, kind: str) -> list[CameraFault]:
        now_s = self._clock_s()
        self._faults = [
            (begin_s, fault)
            for begin_s, fault in self._faults
            if now_s < begin_s + fault.for_s and fault.count != 0
        ]
        return [fault for begin_s, fault in self._faults if fault.kind == kind and begin_s <= now_s]
