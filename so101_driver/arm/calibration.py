"""LeRobot calibration files: where they lie, how they are read, checked and saved.

A file is a JSON object keyed by motor name; each entry has exactly the five integers of
`JointCalibration`. Files from before June 2025 hold lists instead and are refused, because their
zero pose is another one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from so101_driver.arm.joints import JOINTS
from so101_driver.common.errors import CalibrationError

MAX_TICK = 4095
MAX_HOMING_OFFSET = 2047
MAX_SERVO_ID = 253

SO101 = 'so101'
SO100 = 'so100'
MODELS = (SO101, SO100)
"""Arms whose joints, servos and units are the same; only LeRobot's old folders differ."""

_MODE = 0o644  # others on this machine may use the arm too
_FOLDERS = {'follower': 'robots', 'leader': 'teleoperators'}
_LIST_STYLE_KEYS = {'homing_offset', 'drive_mode', 'start_pos', 'end_pos', 'calib_mode'}


@dataclasses.dataclass(frozen=True)
class JointCalibration:
    """One motor's entry, all integers; positions in ticks of the offset-corrected frame."""

    id: int
    drive_mode: int
    homing_offset: int
    range_min: int
    range_max: int

    @property
    def middle_ticks(self) -> float:
        """The zero of the joint: the middle of the recorded range."""
        return (self.range_min + self.range_max) / 2

    @property
    def width_ticks(self) -> int:
        """The width of the recorded range."""
        return self.range_max - self.range_min


_KEYS = tuple(field.name for field in dataclasses.fields(JointCalibration))
_BOUNDS = {
    'id': (0, MAX_SERVO_ID),
    'drive_mode': (0, 1),
    'homing_offset': (-MAX_HOMING_OFFSET, MAX_HOMING_OFFSET),
    'range_min': (0, MAX_TICK),
    'range_max': (0, MAX_TICK),
}


@dataclasses.dataclass(frozen=True)
class Calibration:
    """A whole arm's calibration, by joint name, with the file it came from (for messages)."""

    joints: Mapping[str, JointCalibration]
    source: str = '(memory)'

    def __getitem__(self, joint: str) -> JointCalibration:
        """Return one joint's entry.

        Raises:
            CalibrationError: when the file does not have that joint.
        """
        try:
            return self.joints[joint]
        except KeyError:
            known = ', '.join(self.joints)
            message = f'{self.source}: no motor "{joint}" (there are: {known})'
            raise CalibrationError(message) from None

    @property
    def ids(self) -> dict[str, int]:
        """Servo ids by joint name."""
        return {name: entry.id for name, entry in self.joints.items()}


def load(path: str | Path, joints: tuple[str, ...] = JOINTS) -> Calibration:
    """Read a calibration file and check it completely.

    Raises:
        CalibrationError: naming the file and, for each problem, motor and key.
    """
    path = Path(path).expanduser()
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise CalibrationError(f'{path}: no such calibration file') from None
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationError(f'{path}: cannot be read: {error}') from error
    except json.JSONDecodeError as error:
        raise CalibrationError(f'{path}: not JSON: {error}') from error
    return parse(content, str(path), joints)


def parse(content: Any, source: str, joints: tuple[str, ...] = JOINTS) -> Calibration:
    """Check the decoded content of a calibration file.

    Raises:
        CalibrationError: with every problem, one a line.
    """
    if isinstance(content, dict) and content.keys() >= _LIST_STYLE_KEYS:
        raise CalibrationError(
            f'{source}: a calibration of the old list style (LeRobot before June 2025); '
            'its zero pose differs, so calibrate the arm again'
        )
    if not isinstance(content, dict):
        raise CalibrationError(f'{source}: not an object keyed by motor name')
    problems = [f'motor "{name}" is missing' for name in joints if name not in content]
    problems += [f'unknown motor "{name}"' for name in content if name not in joints]
    for name in joints:
        if name in content:
            problems += _entry_problems(name, content[name])
    seen: dict[Any, str] = {}
    for name in joints:
        entry = content.get(name)
        number = entry.get('id') if isinstance(entry, dict) else None
        if isinstance(number, int) and seen.setdefault(number, name) != name:
            problems.append(f'motors "{seen[number]}" and "{name}" share id {number}')
    if problems:
        raise CalibrationError('\n'.join(f'{source}: {problem}' for problem in problems))
    entries = {name: JointCalibration(**{k: content[name][k] for k in _KEYS}) for name in joints}
    return Calibration(entries, source)


def _entry_problems(name: str, entry: Any) -> list[str]:
    """Return what is wrong with one motor's entry, naming motor and key."""
    if not isinstance(entry, dict):
        return [f'motor "{name}": not an object']
    problems = [f'motor "{name}": key "{key}" is missing' for key in _KEYS if key not in entry]
    problems += [f'motor "{name}": unknown key "{key}"' for key in entry if key not in _KEYS]
    usable = True
    for key, (low, high) in _BOUNDS.items():
        value = entry.get(key)
        if key not in entry:
            usable = False
        elif isinstance(value, bool) or not isinstance(value, int):
            problems.append(f'motor "{name}", key "{key}": {value!r} is not an integer')
            usable = False
        elif not low <= value <= high:
            problems.append(f'motor "{name}", key "{key}": {value} is outside {low}..{high}')
    if usable and entry['range_min'] >= entry['range_max']:
        problems.append(
            f'motor "{name}": range_min {entry["range_min"]} is not below '
            f'range_max {entry["range_max"]}'
        )
    return problems


def calibration_root() -> Path:
    """Return LeRobot's calibration folder, from the same environment variables as LeRobot."""
    if value := os.environ.get('HF_LEROBOT_CALIBRATION'):
        return Path(value).expanduser()
    if value := os.environ.get('HF_LEROBOT_HOME'):
        return Path(value).expanduser() / 'calibration'
    if value := os.environ.get('HF_HOME'):
        return Path(value).expanduser() / 'lerobot' / 'calibration'
    return Path('~/.cache/huggingface/lerobot/calibration').expanduser()


def candidate_paths(role: str, arm_id: str, model: str = SO101) -> list[Path]:
    """Return every place where a `follower` or `leader` of that id may have its file.

    LeRobot keeps both models in `so_follower` from 0.4.3 on, and had a folder for each before.
    The other model's old folder comes last.
    """
    if role not in _FOLDERS:
        raise CalibrationError(f'unknown role "{role}" (follower or leader)')
    generations = ['so', *sorted(MODELS, key=lambda known: known != model)]
    root = calibration_root() / _FOLDERS[role]
    return [root / f'{generation}_{role}' / f'{arm_id}.json' for generation in generations]


def default_path(role: str, arm_id: str, model: str = SO101) -> Path:
    """Return the first existing file of that arm; the newest LeRobot place when there is none."""
    candidates = candidate_paths(role, arm_id, model)
    return next((path for path in candidates if path.exists()), candidates[0])


def find(role: str, arm_id: str, path: str = '', model: str = SO101) -> Calibration:
    """Load the file that was named, else the one in LeRobot's folders.

    Raises:
        CalibrationError: naming every place that was looked at.
    """
    if path:
        return load(path)
    candidates = candidate_paths(role, arm_id, model)
    for candidate in candidates:
        if candidate.exists():
            return load(candidate)
    places = '\n'.join(f'  {candidate}' for candidate in candidates)
    raise CalibrationError(f'no calibration file for {role} "{arm_id}"; looked at\n{places}')


def save(calibration: Calibration, path: str | Path) -> None:
    """Write the file as LeRobot does (4 spaces), complete or not at all."""
    path = Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {name: dataclasses.asdict(entry) for name, entry in calibration.joints.items()}
    handle, temporary = tempfile.mkstemp(prefix=f'.{path.name}.', dir=path.parent)
    try:
        with os.fdopen(handle, 'w', encoding='utf-8') as file:
            json.dump(content, file, indent=4)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), _MODE)
        rename(Path(temporary), path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def rename(source: Path, target: Path) -> None:
    """Put a complete file into the place of another, durably."""
    source.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
