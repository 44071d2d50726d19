"""A sweep across the encoder's seam, and the calibration that follows: LeRobot's angles, always."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from so101_driver.arm import calibration
from so101_driver.arm.calibration import JointCalibration
from so101_driver.arm.joints import JOINTS
from so101_driver.bus.registers import TICKS_PER_TURN, Register, decode, encode
from so101_driver.common.errors import CalibrationError
from so101_driver.tools.sweep import (
    LEAST_TRAVEL_TICKS,
    JointSweep,
    doubt,
    joint_calibration,
    too_short,
)


def present_ticks(encoder: int, offset: int) -> int:
    """What a servo reports."""
    return (encoder - offset) % TICKS_PER_TURN


def swept(
    low: int, high: int, held: int, present_offset: int = 0, step: int = 900, joint: str = 'gripper'
) -> JointSweep:
    """Sweep a joint from where it is held to both of its ends, through what its servo reports."""
    sweep = JointSweep(joint, present_ticks(held, present_offset) + present_offset)
    position = held
    for end in (high, low, held):
        while position != end:
            position += min(max(end - position, -step), step)
            sweep.see(present_ticks(position, present_offset) + present_offset)
    return sweep


def lerobot_degrees(ticks: int, entry: JointCalibration) -> float:
    """LeRobot's `_normalize` for MotorNormMode.DEGREES."""
    return (ticks - (entry.range_min + entry.range_max) / 2) * 360 / 4095


mechanics = st.tuples(
    st.integers(-4096, 8191), st.integers(LEAST_TRAVEL_TICKS, 4094), st.floats(0, 1)
)


@given(mechanics, st.integers(-2047, 2047), st.integers(1, 1024))
def test_any_range_and_any_offset_give_lerobots_degrees(
    mechanical: tuple[int, int, float], present_offset: int, step: int
) -> None:
    low, width, where = mechanical
    high = low + width
    held = low + round(where * width)
    entry = joint_calibration(6, swept(low, high, held, present_offset, step))
    assert decode(Register.HOMING_OFFSET, encode(Register.HOMING_OFFSET, entry.homing_offset)) == (
        entry.homing_offset
    )
    assert 0 <= entry.range_min < entry.range_max <= 4095
    last = -1
    for encoder in (low, held, (low + high) // 2, high):
        ticks = present_ticks(encoder, entry.homing_offset)
        # Nothing wraps inside the range, and an angle is the distance from its middle.
        assert entry.range_min <= ticks <= entry.range_max
        assert lerobot_degrees(ticks, entry) == (encoder - (low + high) / 2) * 360 / 4095
    for encoder in range(low, high + 1, 50):
        ticks = present_ticks(encoder, entry.homing_offset)
        assert ticks > last
        last = ticks
    # The seam is as far away as it can be, to a tick.
    assert abs(entry.range_min - (4095 - entry.range_max)) <= 2


@given(st.integers(0, 4095), st.integers(-2047, 2047), st.sampled_from([0, 340, 4095, 9000]))
def test_a_wrist_roll_that_is_not_moved_or_turns_wholly(
    held: int, present_offset: int, travel: int
) -> None:
    sweep = swept(held, held + travel, held, present_offset, joint='wrist_roll')
    entry = joint_calibration(5, sweep)
    assert (entry.range_min, entry.range_max) == (0, 4095)
    assert present_ticks(held, entry.homing_offset) in (2047, 2048)  # half a turn cannot be stored
    content = {j: vars(JointCalibration(i, 0, 0, 0, 4095)) for i, j in enumerate(JOINTS, 1)}
    calibration.parse({**content, 'wrist_roll': vars(entry)}, 'x')


def test_half_a_turn_of_offset_cannot_be_stored() -> None:
    """LeRobot's own procedure fails there: "Magnitude 2048 exceeds 2047"."""
    entry = joint_calibration(1, swept(3094, 5096, 4095))
    assert entry.homing_offset == 2047
    assert (entry.range_min, entry.range_max) == (1047, 3049)


def test_a_joint_that_hardly_moved_has_no_calibration() -> None:
    sweep = swept(100, 100 + LEAST_TRAVEL_TICKS - 1, 200)
    assert too_short(sweep)
    with pytest.raises(CalibrationError, match='gripper was hardly moved'):
        joint_calibration(6, sweep)


def test_a_joint_that_turns_all_the_way_is_loose() -> None:
    with pytest.raises(CalibrationError, match='gripper turned all the way round'):
        joint_calibration(6, swept(0, 4095, 1000))


def test_a_jump_is_no_movement() -> None:
    sweep = JointSweep('elbow_flex', 10)
    sweep.see(4000)
    assert (sweep.low, sweep.high) == (-96, 10)
    with pytest.raises(CalibrationError, match='elbow_flex jumped by 105 degrees'):
        sweep.see(1100)


@pytest.mark.parametrize(
    ('joint', 'degrees', 'part'),
    [
        ('gripper', 106, ''),
        ('gripper', 128, ''),
        ('shoulder_pan', 208, ''),
        ('wrist_roll', 340, ''),
        ('gripper', 60, 'gripper: 60 degrees, about 110 are usual; was it moved to both ends?'),
        ('elbow_flex', 300, 'does it have its stops?'),
    ],
)
def test_ranges_that_look_wrong(joint: str, degrees: int, part: str) -> None:
    found = doubt(joint, round(degrees * 4095 / 360))
    assert part in found
    assert bool(found) == bool(part)
