"""The leader: limp, with a spring in the gripper if wanted; any calibration with any other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from so101_driver.arm import units
from so101_driver.arm.arm import ArmOptions, ArmState, So101Arm
from so101_driver.arm.calibration import Calibration
from so101_driver.arm.gripper_spring import GripperSpring
from so101_driver.arm.joints import GRIPPER, JOINTS
from so101_driver.arm.leader import Leader
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.packets import Instruction
from so101_driver.bus.registers import Register
from so101_driver.common.errors import ServoError
from so101_driver.simulator.bus import SimulatedBus, servo_setups
from so101_driver.simulator.faults import Fault, FaultKind
from tests.conftest import wait_until
from tests.unit.driver.test_units import calibrations


@pytest.fixture
def simulated(tmp_path: Path, leader_calibration: Calibration) -> Iterator[SimulatedBus]:
    with SimulatedBus(tmp_path / 'leader', servo_setups(leader_calibration, [0.0] * 6)) as bus:
        yield bus


@pytest.fixture
def arm(simulated: SimulatedBus, leader_calibration: Calibration) -> Iterator[So101Arm]:
    bus = ServoBus(str(simulated.line.link), answer_timeout_s=0.05)
    made = So101Arm(bus, leader_calibration, ArmOptions('leader'))
    made.connect()
    yield made
    bus.close()


def powered(simulated: SimulatedBus) -> list[int]:
    return [i for i, servo in simulated.servos.items() if servo.is_powered]


def test_limp_by_default_even_after_somebody_powered_it(
    arm: So101Arm, simulated: SimulatedBus
) -> None:
    arm.enable()
    arm.lose_link()
    arm.connect()
    assert arm.state is ArmState.ACTIVE
    reports: list[str] = []
    leader = Leader(arm, None, reports.append)
    assert not leader.commands
    leader.relax()
    assert leader.commands
    assert powered(simulated) == []
    assert reports == ['the leader was powered: torque goes off']


def test_spring_opens_the_gripper_weakly_and_is_taken_back(
    arm: So101Arm, simulated: SimulatedBus, leader_calibration: Calibration
) -> None:
    gripper = simulated.servos[6]
    leader = Leader(arm, GripperSpring(80.0, 0.1), print)
    leader.relax()
    assert powered(simulated) == [6]
    assert leader.commands
    target = units.units_to_rad(80.0, GRIPPER, units.DEGREES)
    wait_until(lambda: math.isclose(arm.read().positions_rad[5], float(target), abs_tol=0.01))
    gripper.joint.stop_high = gripper.joint.position - 300  # a finger closes it
    gripper.place(gripper.joint.stop_high - gripper.get(Register.HOMING_OFFSET))
    wait_until(lambda: arm.read().positions_rad[5] < target - 0.1)
    assert abs(gripper.get(Register.PRESENT_LOAD)) <= 100
    assert leader.set_torque(True).startswith('torque is on')
    assert gripper.get(Register.TORQUE_LIMIT) == gripper.get(Register.MAX_TORQUE_LIMIT)
    assert powered(simulated) == [1, 2, 3, 4, 5, 6]
    assert leader.set_torque(False) == 'torque is off'
    assert powered(simulated) == [6]
    leader.close()
    assert powered(simulated) == []
    assert gripper.get(Register.TORQUE_LIMIT) == 1000


def test_spring_that_cannot_be_weak_stays_off(arm: So101Arm, simulated: SimulatedBus) -> None:
    simulated.faults.add(Fault(FaultKind.DEAF, 6, None, instruction=Instruction.WRITE))
    with pytest.raises(ServoError):
        GripperSpring(80.0, 0.1).engage(arm.bus, arm.calibration)
    assert powered(simulated) == []


@given(calibrations(), calibrations(), st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6))
def test_leader_and_follower_of_any_calibration_agree(
    leader: Calibration, follower: Calibration, shares: list[float]
) -> None:
    """An angle of the leader is the follower's angle; per cent of the gripper stay per cent."""
    ticks = [
        round(leader[joint].range_min + share * leader[joint].width_ticks)
        for joint, share in zip(JOINTS, shares, strict=True)
    ]
    angles = units.ticks_to_rad(ticks, JOINTS, leader)
    goals = units.rad_to_ticks(angles, JOINTS, follower)
    reached = units.ticks_to_rad(goals, JOINTS, follower)
    one_tick = np.abs(units.ticks_to_rad(goals + 1, JOINTS, follower) - reached)
    assert np.all(np.abs(reached - angles) <= one_tick / 2 + 1e-9)
    percent = units.rad_to_units(angles, JOINTS, units.DEGREES)[-1]
    again = units.rad_to_units(reached, JOINTS, units.DEGREES)[-1]
    assert again == pytest.approx(percent, abs=100.0 / follower[GRIPPER].width_ticks)
