"""The arm's life cycle against the simulator: checks, configuration, no jump, torque rule."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from so101_driver.arm.arm import ArmOptions, ArmState, So101Arm
from so101_driver.arm.calibration import Calibration
from so101_driver.arm.joints import JOINTS
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import Register
from so101_driver.common.errors import (
    CalibrationError,
    ConfigError,
    LinkError,
    NotActiveError,
    ServoError,
)
from so101_driver.simulator.bus import SimulatedBus
from so101_driver.simulator.faults import Fault, FaultKind
from tests.conftest import wait_until


@pytest.fixture
def arm(simulated: SimulatedBus, follower_calibration: Calibration) -> Iterator[So101Arm]:
    bus = ServoBus(str(simulated.line.link), answer_timeout_s=0.1)
    made = So101Arm(bus, follower_calibration)
    yield made
    try:
        made.close()
    except (ServoError, LinkError):
        bus.close()


def register(simulated: SimulatedBus, servo_id: int, which: Register) -> int:
    return simulated.servos[servo_id].get(which)


def test_states(arm: So101Arm, simulated: SimulatedBus) -> None:
    with pytest.raises(LinkError, match='not connected'):
        arm.read()
    arm.connect()
    assert arm.state is ArmState.INACTIVE
    np.testing.assert_allclose(arm.read().positions_rad, np.zeros(6), atol=1e-3)
    with pytest.raises(NotActiveError, match='inactive'):
        arm.write(np.zeros(6))
    arm.enable()
    assert arm.state is ArmState.ACTIVE
    arm.close()
    assert arm.state is ArmState.UNCONFIGURED
    assert [register(simulated, i, Register.TORQUE_ENABLE) for i in range(1, 7)] == [0] * 6
    arm.close()


def test_configuration_is_lerobots_and_written_once(arm: So101Arm, simulated: SimulatedBus) -> None:
    arm.connect()
    for servo_id in range(1, 7):
        assert register(simulated, servo_id, Register.P_COEFFICIENT) == 16
        assert register(simulated, servo_id, Register.ACCELERATION) == 254
        assert register(simulated, servo_id, Register.LOCK) == 1
    assert register(simulated, 6, Register.OVERLOAD_TORQUE) == 25
    assert register(simulated, 5, Register.OVERLOAD_TORQUE) == 80
    arm.close()
    simulated.power_cycle()
    assert register(simulated, 6, Register.MAX_TORQUE_LIMIT) == 500
    before = simulated.requests
    arm.connect()
    assert simulated.requests - before < 130


def test_no_jump_on_enable(arm: So101Arm, simulated: SimulatedBus) -> None:
    arm.connect()
    before = arm.read().positions_rad
    arm.enable()
    for _ in range(20):
        np.testing.assert_array_equal(arm.read().positions_rad, before)


def test_goal_is_reached_and_reported_as_written(arm: So101Arm) -> None:
    arm.connect()
    arm.enable()
    goal = np.array([0.3, -0.4, 0.2, -0.1, 0.5, 0.8])
    applied = arm.write(goal)
    assert np.all(np.abs(applied.goal_rad - goal) < 0.0008)
    wait_until(lambda: bool(np.allclose(arm.read().positions_rad, applied.goal_rad, atol=2e-3)))
    with pytest.raises(ConfigError, match='finite'):
        arm.write(np.full(6, np.nan))


def test_every_identity_problem_at_once(arm: So101Arm, simulated: SimulatedBus) -> None:
    arm.bus.port.answer_timeout_s = 0.03
    simulated.servos[2].set(Register.MODEL_NUMBER, 1284)
    simulated.faults.add(Fault(FaultKind.SILENT, servo_id=5))
    simulated.faults.add(Fault(FaultKind.SILENT, servo_id=6))
    with pytest.raises(ServoError) as caught:
        arm.connect()
    text = str(caught.value)
    assert 'shoulder_lift (id 2) is model 1284' in text
    assert 'wrist_roll (id 5) does not answer' in text
    assert 'gripper (id 6) does not answer' in text
    assert not arm.bus.is_open


def test_servo_that_is_slow_at_first_is_waited_for(arm: So101Arm, simulated: SimulatedBus) -> None:
    simulated.inject(Fault(FaultKind.SILENT, servo_id=3, for_s=0.5))
    arm.connect(patience_s=20.0)
    assert arm.state is ArmState.INACTIVE


def test_faulty_servo_is_a_warning_not_missing(arm: So101Arm, simulated: SimulatedBus) -> None:
    simulated.servos[3].health.forced = 0x01
    arm.connect()
    (warning,) = arm.warnings
    assert warning.startswith('elbow_flex (id 3): voltage: the supply is outside')
    assert arm.read().alarms[0].startswith('elbow_flex: voltage: ')


def test_other_calibration_is_refused_or_written(
    simulated: SimulatedBus, leader_calibration: Calibration
) -> None:
    bus = ServoBus(str(simulated.line.link))
    arm = So101Arm(bus, leader_calibration)
    with pytest.raises(CalibrationError) as caught:
        arm.connect()
    assert 'elbow_flex: HOMING_OFFSET is 207 in the servo but -296 in the file' in str(caught.value)
    assert 'write_calibration' in str(caught.value)
    arm.options = dataclasses.replace(arm.options, write_calibration=True)
    arm.connect()
    arm.close()
    simulated.power_cycle()
    assert register(simulated, 3, Register.HOMING_OFFSET) == -296


def test_one_silent_motor_does_not_keep_the_others_powered(
    arm: So101Arm, simulated: SimulatedBus
) -> None:
    arm.connect()
    arm.enable()
    arm.bus.port.answer_timeout_s = 0.02
    simulated.faults.add(Fault(FaultKind.SILENT, servo_id=2))
    with pytest.raises(ServoError, match='may still be on at shoulder_lift'):
        arm.close()
    torque = [register(simulated, i, Register.TORQUE_ENABLE) for i in range(1, 7)]
    assert torque == [0, 1, 0, 0, 0, 0]
    assert not arm.bus.is_open


def test_missing_joint_keeps_its_last_good_value(arm: So101Arm, simulated: SimulatedBus) -> None:
    arm.connect()
    before = arm.read()
    arm.bus.port.answer_timeout_s = 0.02
    simulated.faults.add(Fault(FaultKind.SILENT, servo_id=4))
    reading = arm.read()
    assert reading.missing == ('wrist_flex',)
    np.testing.assert_array_equal(reading.positions_rad, before.positions_rad)


def test_reconnect_keeps_torque_and_freezes_the_goal(
    arm: So101Arm, simulated: SimulatedBus
) -> None:
    arm.connect()
    arm.enable()
    arm.write(np.full(6, 0.3))
    simulated.stop()
    with pytest.raises(LinkError):
        arm.read()
    assert arm.state is ArmState.UNCONFIGURED
    simulated.start()
    arm.connect()
    assert arm.state is ArmState.ACTIVE
    ids = [arm.calibration[joint].id for joint in JOINTS]
    goals = [arm.bus.read(i, Register.GOAL_POSITION) for i in ids]
    assert max(abs(goal - 2048) for goal in goals) < 200
    wait_until(lambda: goals == [arm.bus.read(i, Register.PRESENT_POSITION) for i in ids])


def test_leader_stays_limp(simulated: SimulatedBus, follower_calibration: Calibration) -> None:
    options = ArmOptions(role='leader')
    leader = So101Arm(ServoBus(str(simulated.line.link)), follower_calibration, options)
    leader.connect()
    assert leader.state is ArmState.INACTIVE
    assert register(simulated, 1, Register.P_COEFFICIENT) == 32
    simulated.servos[1].place(2500)
    assert leader.read().positions_rad[0] > 0.5
    leader.close()
