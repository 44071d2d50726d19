"""Motion of one simulated joint: a position loop under speed and acceleration limits.

Stepped at a fixed rate against the monotonic clock, but only when somebody looks: the joint costs
nothing while nobody asks, and the result does not depend on when it was asked.
"""

from __future__ import annotations

import dataclasses
import math

STEP_NS = 2_000_000
NO_LOAD_SPEED = 3072.0
"""Ticks/s of a 1/345 STS3215 without load."""

_ACCELERATION_UNIT = 100.0  # ticks/s^2 per count of the acceleration register
_SPEED_PER_TICK_AND_P = 3.0  # loop gain (1/s) for each count of the P coefficient
_LOAD_PER_TICK_AND_P = 0.25  # duty (0.1 %) per tick of error and count of P, against a stop
_FRICTION_DUTY = 30.0


@dataclasses.dataclass
class Drive:
    """What the registers ask of the motor, in ticks of the encoder frame.

    `torque_limit` is a duty in 0.1 %. A tripped motor stays where it is and pushes that much.
    """

    goal: float
    powered: bool
    p_coefficient: int
    acceleration: int
    speed_limit: float
    torque_limit: float = 1000.0
    is_tripped: bool = False


@dataclasses.dataclass
class Joint:
    """State of one joint in encoder ticks, with its mechanical stops."""

    position: float
    stop_low: float = -math.inf
    stop_high: float = math.inf
    velocity: float = 0.0
    load: float = 0.0
    time_ns: int = 0

    def place(self, position: float) -> None:
        """Move the joint by hand."""
        self.position = min(max(position, self.stop_low), self.stop_high)
        self.velocity = 0.0
        self.load = 0.0

    def advance(self, now_ns: int, drive: Drive) -> None:
        """Step up to now."""
        steps = (now_ns - self.time_ns) // STEP_NS
        if steps <= 0:
            return
        self.time_ns += steps * STEP_NS
        if not drive.powered:
            self.velocity = self.load = 0.0
            return
        if drive.is_tripped:
            error = drive.goal - self.position
            self.velocity = 0.0
            self.load = math.copysign(drive.torque_limit, error) if abs(error) > 1.0 else 0.0
            return
        for _ in range(steps):
            if self._step(drive, STEP_NS / 1e9):
                break

    def _step(self, drive: Drive, dt: float) -> bool:
        """Advance by one step; True when the joint rests, so that further steps change nothing."""
        error = drive.goal - self.position
        if abs(error) < 0.5 and abs(self.velocity) < 1.0:
            self.position, self.velocity, self.load = drive.goal, 0.0, 0.0
            return True
        distance = abs(error)
        wanted = min(distance * drive.p_coefficient * _SPEED_PER_TICK_AND_P, drive.speed_limit)
        if drive.acceleration:
            limit = drive.acceleration * _ACCELERATION_UNIT
            # The root is the speed from which the ramp can still brake in time; following it
            # down exactly, without a second limit, keeps the joint from overshooting.
            wanted = min(wanted, math.sqrt(2.0 * limit * distance))
            target = math.copysign(wanted, error)
            rise = limit * dt
            if abs(target) > abs(self.velocity) or target * self.velocity < 0.0:
                target = min(max(target, self.velocity - rise), self.velocity + rise)
            self.velocity = target
        else:
            self.velocity = math.copysign(wanted, error)
        moved = self.position + self.velocity * dt
        self.position = min(max(moved, self.stop_low), self.stop_high)
        blocked = self.position != moved
        if blocked:
            self.velocity = 0.0
            duty = error * drive.p_coefficient * _LOAD_PER_TICK_AND_P
            self.load = min(max(duty, -drive.torque_limit), drive.torque_limit)
        else:
            self.load = math.copysign(_FRICTION_DUTY, self.velocity)
        return blocked
