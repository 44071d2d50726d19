"""A joint's range swept by hand, and the calibration that follows from it.

A sweep counts ticks of the bare encoder, unwrapped: the joint may cross the seam between 4095 and
0. The homing offset is then chosen so that the middle of the range lies at 2047, which puts the
seam as far from the joint's travel as it can be. LeRobot puts the pose held at first there; both
mean the same angles, because a joint's zero is the middle of its range in either case.
"""

from __future__ import annotations

import math

from so101_driver.arm.calibration import MAX_HOMING_OFFSET, MAX_TICK, JointCalibration
from so101_driver.arm.joints import URDF_LIMITS_RAD
from so101_driver.arm.units import RAD_PER_TICK
from so101_driver.bus.registers import TICKS_PER_TURN
from so101_driver.common.errors import CalibrationError

CENTRE_TICKS = 2047
LEAST_TRAVEL_TICKS = 341  # 30 degrees: no joint of the arm has so short a way
MAY_TURN_WHOLLY = 'wrist_roll'

_HALF_TURN = TICKS_PER_TURN // 2
_LARGEST_STEP_TICKS = 1024  # no hand is that fast, even when a few answers are lost
_IMPLAUSIBLE_RATIO = 0.2
DEGREES_PER_TICK = 360.0 / MAX_TICK


class JointSweep:
    """What one joint has travelled, in unwrapped encoder ticks.

    Args:
        joint: Name, for messages.
        held_ticks: Where the joint stood when the sweep began.
    """

    def __init__(self, joint: str, held_ticks: int) -> None:
        self.joint = joint
        self.held = self.now = self.low = self.high = held_ticks

    @property
    def width_ticks(self) -> int:
        """How far the joint has been moved from end to end."""
        return self.high - self.low

    def see(self, encoder_ticks: int) -> None:
        """Take the next position, modulo one turn.

        Raises:
            CalibrationError: when the joint cannot have moved there since the last one.
        """
        step = wrapped(encoder_ticks - self.now)
        if abs(step) > _LARGEST_STEP_TICKS:
            raise CalibrationError(
                f'{self.joint} jumped by {abs(step) * DEGREES_PER_TICK:.0f} degrees between two '
                'readings: a loose plug or a failing sensor; calibrate again'
            )
        self.now += step
        self.low = min(self.low, self.now)
        self.high = max(self.high, self.now)


def wrapped(ticks: int) -> int:
    """Return ticks modulo one turn, -2048..2047."""
    return (ticks + _HALF_TURN) % TICKS_PER_TURN - _HALF_TURN


def too_short(sweep: JointSweep) -> bool:
    """Tell whether a joint was hardly moved; one that may turn wholly needs no sweep."""
    return sweep.joint != MAY_TURN_WHOLLY and sweep.width_ticks < LEAST_TRAVEL_TICKS


def joint_calibration(servo_id: int, sweep: JointSweep) -> JointCalibration:
    """Return the calibration of a swept joint.

    A wrist_roll that was not moved, or that turned all the way, gets the whole turn with the pose
    held at first in its middle, as LeRobot 0.4.3 and later do.

    Raises:
        CalibrationError: when the joint was hardly moved, or moved more than there is.
    """
    if too_short(sweep):
        raise CalibrationError(f'{sweep.joint} was hardly moved')
    width = sweep.width_ticks
    whole = width >= MAX_TICK or width < LEAST_TRAVEL_TICKS
    if whole and sweep.joint != MAY_TURN_WHOLLY:
        raise CalibrationError(
            f'{sweep.joint} turned all the way round, which it cannot do in an arm: look for a '
            'loose horn, then calibrate again'
        )
    low = 0 if whole else (MAX_TICK - width) // 2
    high = MAX_TICK if whole else low + width
    offset = wrapped(sweep.held - CENTRE_TICKS if whole else sweep.low - low)
    if offset < -MAX_HOMING_OFFSET:
        # Half a turn cannot be stored. One tick less moves every position up by one.
        offset = MAX_HOMING_OFFSET
        low, high = (low, high) if whole else (low + 1, high + 1)
    return JointCalibration(servo_id, 0, offset, low, high)


def doubt(joint: str, width_ticks: int) -> str:
    """Return what is odd about a joint's range; nothing when it looks like an SO-101's."""
    low_rad, high_rad = URDF_LIMITS_RAD[joint]
    usual_rad = high_rad - low_rad
    ratio = width_ticks * RAD_PER_TICK / usual_rad
    if abs(ratio - 1.0) <= _IMPLAUSIBLE_RATIO:
        return ''
    cause = 'was it moved to both ends?' if ratio < 1.0 else 'does it have its stops?'
    return (
        f'{joint}: {width_ticks * DEGREES_PER_TICK:.0f} degrees, '
        f'about {math.degrees(usual_rad):.0f} are usual; {cause}'
    )
