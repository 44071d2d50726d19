"""The operator who moves the simulated leader: a scripted pick-and-place, or recorded motions.

Poses are a function of monotonic time alone, evaluated when the leader is read, so that nothing
has to run in the background and no sampling is added to the motion.
"""

from __future__ import annotations

import itertools
import logging
import random
import threading
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from so101_driver.arm.joints import FloatArray, limits_rad
from so101_driver.arm.kinematics import reach
from so101_driver.simulator.motion_file import Motion

_NS = 1_000_000_000
_RETURN_SPEED_RAD_S = 3.0
_SHORTEST_RETURN_S = 0.3
_PEAK_OF_MINIMUM_JERK = 1.875  # peak over mean speed
_DOWN_RAD = 1.25
_OPEN_RAD, _CLOSED_RAD = 1.1, 0.25
_SAMPLE_HZ = 100.0

REST_RAD: FloatArray = np.array([0.0, -1.70, 1.60, 1.25, 0.0, 0.0])
"""Folded rest pose, within every calibration that LeRobot's procedure gives."""

_log = logging.getLogger(__name__)


class MotionSource(Protocol):
    """Gives the motion of each episode."""

    def motion(self, episode: int) -> Motion:
        """Return the motion of an episode, the same one each time it is asked."""


class RecordedMotions:
    """Motions of a file, motion k in episode k, over again when there are more episodes.

    Args:
        motions: At least one.
        low_rad, high_rad: What the arm can reach, shape (6,); motions are clamped to it.
    """

    def __init__(
        self, motions: Sequence[Motion], low_rad: FloatArray, high_rad: FloatArray
    ) -> None:
        self._motions = []
        for index, motion in enumerate(motions):
            clamped = np.clip(motion.positions_rad, low_rad, high_rad)
            worst = float(np.max(np.abs(clamped - motion.positions_rad)))
            if worst > 1e-6:
                _log.warning(
                    'motion %d leaves what the arm can reach by up to %.3f rad: clamped',
                    index,
                    worst,
                )
            self._motions.append(Motion(motion.times_s, clamped))

    def motion(self, episode: int) -> Motion:
        """Return motion `episode`, counted around."""
        return self._motions[episode % len(self._motions)]


class Waypoint(NamedTuple):
    """A pose and the time it takes to get there."""

    pose_rad: FloatArray
    duration_s: float


class PickAndPlace:
    """Scripted, seeded: another cube place, goal place and pace in each episode."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def motion(self, episode: int) -> Motion:
        """Return the episode's motion: minimum jerk between waypoints, sampled at 100 Hz."""
        return _through(self.waypoints(episode))

    def cube(self, episode: int) -> tuple[float, float]:
        """Return where the cube lies at the start of the episode: x, y in the base frame (m)."""
        generator = random.Random(f'{self._seed}/{episode}')
        return generator.uniform(0.20, 0.27), generator.uniform(-0.10, 0.10)

    def waypoints(self, episode: int) -> list[Waypoint]:
        """Return the script of an episode."""
        x, y = self.cube(episode)
        generator = random.Random(f'{self._seed}/{episode}/script')
        side = -1.0 if y > 0 else 1.0
        goal_x, goal_y = generator.uniform(0.20, 0.26), side * generator.uniform(0.08, 0.15)
        pace = generator.uniform(0.85, 1.15)
        roll = generator.uniform(-0.6, 0.6)
        start = REST_RAD + np.array(
            [generator.uniform(-0.1, 0.1), 0.0, 0.0, generator.uniform(-0.1, 0.0), 0.0, 0.0]
        )
        low, high = 0.025, generator.uniform(0.10, 0.14)
        script = [
            Waypoint(start, 0.0),
            Waypoint(_pose(x, y, high, roll, _OPEN_RAD), 2.2),
            Waypoint(_pose(x, y, low, roll, _OPEN_RAD), 0.9),
            Waypoint(_pose(x, y, low, roll, _CLOSED_RAD), 0.8),
            Waypoint(_pose(x, y, high, roll, _CLOSED_RAD), 0.8),
            Waypoint(_pose(goal_x, goal_y, high, 0.0, _CLOSED_RAD), 1.4),
            Waypoint(_pose(goal_x, goal_y, low, 0.0, _CLOSED_RAD), 0.9),
            Waypoint(_pose(goal_x, goal_y, low, 0.0, _OPEN_RAD), 0.8),
            Waypoint(_pose(goal_x, goal_y, high, 0.0, _OPEN_RAD), 0.8),
            Waypoint(start, 2.2),
        ]
        return [Waypoint(point.pose_rad, point.duration_s * pace) for point in script]


class Operator:
    """Holds the leader: waits at the start pose, plays an episode's motion, returns.

    Thread-safe: `pose` is asked by the bus, `begin` and `end` come from the recorder's status.
    """

    def __init__(self, source: MotionSource, first_episode: int = 0) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._episode: int | None = None
        self._waits_for = first_episode
        self._free_episode = first_episode
        self._motion = _standing(source.motion(first_episode).positions_rad[0])
        self._start_ns = 0

    def pose(self, now_ns: int) -> FloatArray:
        """Return where the leader is held (rad, shape (6,)) at a monotonic time."""
        with self._lock:
            motion, start_ns = self._motion, self._start_ns
        return motion.at((now_ns - start_ns) / _NS)

    def begin(self, episode: int, now_ns: int) -> None:
        """Start an episode's motion, smoothly joined when the leader is not at its start yet."""
        if self._episode == episode:
            return
        present = self.pose(now_ns)
        motion = self._source.motion(episode)
        if np.max(np.abs(present - motion.positions_rad[0])) > 1e-3:
            _log.warning('episode %d begins while the leader is still on its way', episode)
            approach = _travel(present, motion.positions_rad[0])
            motion = Motion(
                np.concatenate([approach.times_s[:-1], motion.times_s + approach.duration_s]),
                np.concatenate([approach.positions_rad[:-1], motion.positions_rad]),
            )
        with self._lock:
            self._episode, self._motion, self._start_ns = episode, motion, now_ns

    def end(self, next_episode: int, now_ns: int) -> None:
        """Move back to the start pose of the next motion."""
        if self._episode is None and self._waits_for == next_episode:
            return
        travel = _travel(self.pose(now_ns), self._source.motion(next_episode).positions_rad[0])
        with self._lock:
            self._episode, self._motion, self._start_ns = None, travel, now_ns
            self._waits_for = next_episode

    def run_freely(self, now_ns: int) -> None:
        """Play motion after motion without a recorder; to be called a few times a second."""
        with self._lock:
            is_over = (now_ns - self._start_ns) / _NS > self._motion.duration_s
        if not is_over:
            return
        if self._episode is not None:
            self._free_episode = self._episode + 1
            self.end(self._free_episode, now_ns)
        else:
            self.begin(self._free_episode, now_ns)

    def follow_status(self, state: str, episode: int, now_ns: int) -> None:
        """Do what the recorder's state asks: play while RECORDING, else go to the next start."""
        if state == 'RECORDING':
            self.begin(episode, now_ns)
        else:
            self.end(episode, now_ns)


def _pose(x: float, y: float, z: float, roll: float, gripper: float) -> FloatArray:
    """Return the joint angles over a place on the table, as steep as the arm can reach it."""
    for pitch in np.arange(_DOWN_RAD, 0.2, -0.05):
        angles = reach(x, y, z, float(pitch))
        if angles is not None:
            pose = np.concatenate([angles, [roll, gripper]])
            limits = limits_rad()
            if np.all(pose > limits[:, 0]) and np.all(pose < limits[:, 1]):
                return pose
    raise ValueError(f'({x:.2f}, {y:.2f}, {z:.2f}) is out of reach')


def _standing(pose_rad: FloatArray) -> Motion:
    return Motion(np.zeros(1), pose_rad[None, :].copy())


def _travel(start_rad: FloatArray, goal_rad: FloatArray) -> Motion:
    distance = float(np.max(np.abs(goal_rad - start_rad)))
    duration_s = max(distance * _PEAK_OF_MINIMUM_JERK / _RETURN_SPEED_RAD_S, _SHORTEST_RETURN_S)
    return _through([Waypoint(start_rad, 0.0), Waypoint(goal_rad, duration_s)])


def _through(waypoints: Sequence[Waypoint]) -> Motion:
    """Sample minimum-jerk segments between waypoints."""
    poses = [waypoints[0].pose_rad[None, :]]
    for before, after in itertools.pairwise(waypoints):
        count = max(round(after.duration_s * _SAMPLE_HZ), 1)
        share = np.arange(1, count + 1) / count
        blend = share**3 * (10 - 15 * share + 6 * share**2)
        poses.append(before.pose_rad + blend[:, None] * (after.pose_rad - before.pose_rad))
    stacked = np.concatenate(poses)
    return Motion(np.arange(len(stacked)) / _SAMPLE_HZ, stacked)
