"""From requests of several sources to the one goal of this cycle: hand-over, clamps, hold.

Pure logic with time handed in. Exactly one source is obeyed. When it begins to command, or another
one is selected, or it returns after silence, the difference between its target and the pose held
so far is taken as an offset that shrinks at a limited speed: the arm moves with the source at once
and closes up to it, without a jump, however fast the source moves meanwhile.

The way home is a motion of the follower's own, possible only while the active source is silent; a
source that begins to command takes over from it, as from a hold.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from so101_driver.arm.calibration import Calibration
from so101_driver.arm.home import HomeMotion
from so101_driver.arm.joints import GRIPPER, JOINTS, URDF_LIMITS_RAD, FloatArray
from so101_driver.arm.units import ticks_to_rad
from so101_driver.common.errors import ConfigError, NotActiveError

COMMAND = 'command'
HOLD = 'hold'
NOBODY = 'none'
"""The active source with which nobody is obeyed: the arm holds."""

_NS = 1_000_000_000
_LONGEST_STEP_S = 0.05  # after a pause the velocity limit must not allow a leap
_FULL_TURN_TICKS = 4000
_BEYOND_URDF_RAD = np.deg2rad(10.0)


@dataclasses.dataclass(frozen=True)
class CommandLimits:
    """How commands are bounded.

    Attributes:
        low_rad, high_rad: Joint limits, shape (6,).
        max_velocity_rad_s: Against the last goal.
        ramp_speed_rad_s: Speed at which a hand-over closes up.
        max_age_s: A command with an older stamp is ignored.
        timeout_s: Silence after which the arm holds.
        max_relative_rad: Largest distance from the present position, shape (6,), or None.
    """

    low_rad: FloatArray
    high_rad: FloatArray
    max_velocity_rad_s: float = 6.0
    ramp_speed_rad_s: float = 1.0
    max_age_s: float = 0.25
    timeout_s: float = 0.5
    max_relative_rad: FloatArray | None = None


class Step(NamedTuple):
    """The goal of one cycle (rad, shape (6,)) and whether it is a `command` or a `hold`."""

    goal_rad: FloatArray
    kind: str


class _Request(NamedTuple):
    positions_rad: FloatArray
    received_ns: int
    number: int


def goal_limits_rad(calibration: Calibration, margin_rad: float) -> tuple[FloatArray, FloatArray]:
    """Return the lower and upper goal limits, shape (6,) each.

    They are the calibrated ranges less a margin. The URDF counts only where nothing was swept: a
    wrist calibrated over the full turn (LeRobot's fixed 0-4095) is limited to the URDF widened by
    10 degrees, as far as real arms reach.
    """
    low = ticks_to_rad([calibration[j].range_min for j in JOINTS], JOINTS, calibration)
    high = ticks_to_rad([calibration[j].range_max for j in JOINTS], JOINTS, calibration)
    low, high = np.minimum(low, high) + margin_rad, np.maximum(low, high) - margin_rad
    for index, joint in enumerate(JOINTS):
        if joint != GRIPPER and calibration[joint].width_ticks >= _FULL_TURN_TICKS:
            low[index] = max(low[index], URDF_LIMITS_RAD[joint][0] - _BEYOND_URDF_RAD)
            high[index] = min(high[index], URDF_LIMITS_RAD[joint][1] + _BEYOND_URDF_RAD)
    return low, high


def in_joint_order(names: Sequence[str], values: Sequence[float]) -> FloatArray:
    """Return the six values of a message in the order of `JOINTS`; other joints are ignored.

    Raises:
        ConfigError: when a joint is missing or names and values differ in number.
    """
    if len(names) != len(values):
        raise ConfigError([f'{len(names)} joint names but {len(values)} positions'])
    if tuple(names) == JOINTS:
        return np.array(values, dtype=np.float64)
    found = dict(zip(names, values, strict=True))
    missing = [joint for joint in JOINTS if joint not in found]
    if missing:
        raise ConfigError([f'no position for {", ".join(missing)}'])
    return np.array([found[joint] for joint in JOINTS], dtype=np.float64)


class CommandSources:
    """Latest request of each source and the goal that follows from the active one.

    Requests and selections come from other threads than `step`; a lock keeps a change of source
    from slipping into the middle of a step, where it would lose its ramp.

    Args:
        names: The sources there are.
        active: The one obeyed first.
        limits: How commands are bounded.
    """

    def __init__(self, names: Sequence[str], active: str, limits: CommandLimits) -> None:
        self.names = tuple(names)
        self.limits = limits
        self.active = ''
        self.text = 'no command yet'
        self.refused: Counter[str] = Counter()
        self.clamped = 0
        self._latest: dict[str, _Request] = {}
        self._goal: FloatArray | None = None
        self._offset: FloatArray | None = None
        self._last_step_ns: int | None = None
        self._used = 0
        self._number = 0
        self._home: HomeMotion | None = None
        self._lock = threading.Lock()
        self.select(active)

    def check(self, source: str) -> None:
        """Refuse a source that is not there.

        Raises:
            ConfigError: naming those that are.
        """
        known = (*self.names, NOBODY)
        if source not in known:
            raise ConfigError([f'no command source "{source}" (one of {", ".join(known)})'])

    def select(self, source: str) -> None:
        """Obey another source from now on; what it sent before the last step does not count.

        Raises:
            ConfigError: when there is no such source.
        """
        self.check(source)
        with self._lock:
            if source != self.active:
                self.active = source
                self._offset = None
                latest = self._latest.get(source)
                if latest is not None and latest.received_ns < (self._last_step_ns or 0):
                    del self._latest[source]

    def offer(self, source: str, positions_rad: FloatArray, stamp_ns: int, now_ns: int) -> str:
        """Take a request; return why it is refused, or an empty string.

        Args:
            source: Who asks.
            positions_rad: Six angles in joint order.
            stamp_ns: The message's stamp; 0 when it has none.
            now_ns: Now, same clock as the stamp.
        """
        reason = self._objection(source, positions_rad, stamp_ns, now_ns)
        with self._lock:
            if reason:
                self.refused[reason] += 1
                return reason
            self._number += 1
            self._latest[source] = _Request(positions_rad, now_ns, self._number)
        return ''

    def reset(self, present_rad: FloatArray) -> None:
        """Start over from a pose: after torque went on, a link came back, a fault was cleared."""
        with self._lock:
            self._goal = present_rad.copy()
            self._offset = None
            self._home = None
            self._last_step_ns = None

    def go_home(self, motion: HomeMotion, now_ns: int) -> float:
        """Begin the way home and return how long it takes (s).

        Raises:
            NotActiveError: while the active source commands, or before the first cycle.
        """
        with self._lock:
            if self._fresh(now_ns) is not None:
                raise NotActiveError(
                    f'not going home: {self.active} commands the arm; stop it, or set '
                    f'active_source to "{NOBODY}"'
                )
            if self._goal is None:
                raise NotActiveError('not going home: the arm has not been read yet')
            target = np.clip(motion.target_rad, self.limits.low_rad, self.limits.high_rad)
            self._home = dataclasses.replace(motion, target_rad=target)
            return self._home.duration_s(self._goal)

    def step(self, present_rad: FloatArray, now_ns: int) -> Step:
        """Return this cycle's goal.

        Args:
            present_rad: Present pose, shape (6,).
            now_ns: Now, same clock as in `offer`.
        """
        if self._goal is None:
            self.reset(present_rad)
        with self._lock:
            assert self._goal is not None
            elapsed_s = 0.0  # the first step after a reset stays where the arm is
            if self._last_step_ns is not None:
                elapsed_s = min(max(now_ns - self._last_step_ns, 0) / _NS, _LONGEST_STEP_S)
            self._last_step_ns = now_ns
            request = self._fresh(now_ns)
            is_new = False
            if request is not None:
                self._home = None
                is_new = request.number != self._used
                self._used = request.number
                wanted = self._followed(request, elapsed_s)
            elif self._home is not None:
                self._offset = None
                wanted = self._home.step(self._goal, elapsed_s)
                is_there = np.array_equal(self._goal, self._home.target_rad)
                self.text = 'holding: at home' if is_there else 'going home'
            else:
                return self._hold()
            goal = self._bounded(wanted, present_rad, elapsed_s)
            moved = bool(np.any(goal != self._goal))
            self._goal = goal
        return Step(goal.copy(), COMMAND if is_new or moved else HOLD)

    def _fresh(self, now_ns: int) -> _Request | None:
        """Return the active source's request unless it is silent."""
        request = self._latest.get(self.active)
        if request is None or now_ns - request.received_ns > self.limits.timeout_s * _NS:
            return None
        return request

    def _objection(self, source: str, positions_rad: FloatArray, stamp_ns: int, now_ns: int) -> str:
        if source not in self.names:
            return f'{source}: unknown source'
        if positions_rad.shape != (len(JOINTS),):
            return f'{source}: not six positions'
        if not np.all(np.isfinite(positions_rad)):
            return f'{source}: a position is not a finite number'
        if stamp_ns and now_ns - stamp_ns > self.limits.max_age_s * _NS:
            return f'{source}: older than {self.limits.max_age_s:g} s'
        return ''

    def _hold(self) -> Step:
        assert self._goal is not None
        self._offset = None
        if self.active == NOBODY:
            self.text = 'holding: no source is active'
        elif self.active not in self._latest:
            self.text = f'holding: no command from {self.active} yet'
        else:
            self.text = f'holding: no command from {self.active} for {self.limits.timeout_s:g} s'
        return Step(self._goal.copy(), HOLD)

    def _followed(self, request: _Request, elapsed_s: float) -> FloatArray:
        """Return the source's target plus what is left of the hand-over's offset."""
        assert self._goal is not None
        if self._offset is None:
            self._offset = self._goal - request.positions_rad
        if np.any(self._offset):
            step = self.limits.ramp_speed_rad_s * elapsed_s
            self._offset -= np.clip(self._offset, -step, step)
            self.text = f'ramping to {self.active}'
        else:
            self.text = f'following {self.active}'
        return np.asarray(request.positions_rad + self._offset)

    def _bounded(self, wanted: FloatArray, present_rad: FloatArray, elapsed_s: float) -> FloatArray:
        assert self._goal is not None
        limits = self.limits
        goal = np.clip(wanted, limits.low_rad, limits.high_rad)
        step = limits.max_velocity_rad_s * elapsed_s
        goal = np.clip(goal, self._goal - step, self._goal + step)
        if limits.max_relative_rad is not None:
            goal = np.clip(
                goal, present_rad - limits.max_relative_rad, present_rad + limits.max_relative_rad
            )
        if np.any(np.abs(goal - wanted) > 1e-9):
            self.clamped += 1
        return np.asarray(goal)
