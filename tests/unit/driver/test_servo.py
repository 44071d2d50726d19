"""One simulated servo: position frame, limits, motion, EEPROM lock, power cycle."""

import itertools

import pytest

from so101_driver.bus.registers import Register, encode
from so101_driver.simulator.servo import ServoSetup, SimulatedServo

MS = 1_000_000


def write(servo: SimulatedServo, register: Register, value: int, now_ns: int = 0) -> None:
    servo.write(register.address, encode(register, value), now_ns)


def position(servo: SimulatedServo, now_ns: int) -> int:
    servo.advance(now_ns)
    return servo.get(Register.PRESENT_POSITION)


def test_limp_joint_stays_and_powered_joint_travels() -> None:
    servo = SimulatedServo(ServoSetup(1, homing_offset=-369, start=2000), 0)
    write(servo, Register.GOAL_POSITION, 3000)
    assert position(servo, 500 * MS) == 2000
    write(servo, Register.ACCELERATION, 254, 500 * MS)
    write(servo, Register.TORQUE_ENABLE, 1, 500 * MS)
    seen = [position(servo, ms * MS) for ms in range(500, 1500, 10)]
    assert all(b >= a for a, b in itertools.pairwise(seen))
    assert seen[-1] == 3000
    steps = [b - a for a, b in itertools.pairwise(seen)]
    assert 25 <= max(steps) <= 31  # 3072 ticks/s at most
    assert steps[0] <= 3  # and no faster than the ramp at first


def test_result_does_not_depend_on_when_it_is_asked() -> None:
    once, often = (SimulatedServo(ServoSetup(1, start=1000), 0) for _ in range(2))
    for servo in (once, often):
        write(servo, Register.GOAL_POSITION, 1500)
        write(servo, Register.ACCELERATION, 50)
        write(servo, Register.TORQUE_ENABLE, 1)
    for now_us in range(0, 200_000, 700):
        often.advance(now_us * 1000)
    assert position(once, 200 * MS) == position(often, 200 * MS)


def test_goal_is_clipped_to_the_limits() -> None:
    servo = SimulatedServo(ServoSetup(1, range_min=1000, range_max=3000), 0)
    write(servo, Register.TORQUE_ENABLE, 1)
    write(servo, Register.GOAL_POSITION, -200)
    assert position(servo, 3000 * MS) == 1000


def test_eeprom_is_kept_only_while_unlocked() -> None:
    servo = SimulatedServo(ServoSetup(1), 0)
    write(servo, Register.HOMING_OFFSET, 100)
    write(servo, Register.LOCK, 1)
    write(servo, Register.P_COEFFICIENT, 16)
    assert servo.get(Register.P_COEFFICIENT) == 16
    write(servo, Register.TORQUE_ENABLE, 1)
    servo.power_up(0)
    assert servo.get(Register.HOMING_OFFSET) == 100
    assert servo.get(Register.P_COEFFICIENT) == 32
    assert servo.get(Register.TORQUE_ENABLE) == 0


def test_position_wraps_in_the_offset_frame_and_model_is_read_only() -> None:
    servo = SimulatedServo(ServoSetup(1, start=10), 0)
    write(servo, Register.HOMING_OFFSET, 20)
    assert position(servo, MS) == 4086
    write(servo, Register.MODEL_NUMBER, 5)
    assert servo.get(Register.MODEL_NUMBER) == 777


def test_half_turn_homing_shortcut() -> None:
    servo = SimulatedServo(ServoSetup(1, start=700), 0)
    write(servo, Register.TORQUE_ENABLE, 128)
    assert position(servo, MS) == pytest.approx(2048)


def test_stop_gives_load() -> None:
    servo = SimulatedServo(ServoSetup(1, start=2048, stop_high=2060), 0)
    write(servo, Register.TORQUE_ENABLE, 1)
    write(servo, Register.GOAL_POSITION, 2400)
    assert position(servo, 300 * MS) == 2060
    assert servo.get(Register.PRESENT_LOAD) > 300
