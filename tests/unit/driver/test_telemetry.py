"""Telemetry: one block with the position, levels, units; the range alarm."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from so101_driver.arm.arm import ArmOptions, So101Arm
from so101_driver.arm.arm_range import RangeWatch
from so101_driver.arm.calibration import Calibration
from so101_driver.arm.joints import JOINTS
from so101_driver.arm.telemetry import (
    JointTelemetry,
    Level,
    ServoLimits,
    TelemetryLimits,
    decode_telemetry,
    judge,
)
from so101_driver.arm.units import RAD_PER_TICK
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import Register
from so101_driver.common.errors import ServoError
from so101_driver.simulator.bus import SimulatedBus
from so101_driver.simulator.faults import Fault, FaultKind
from tests.conftest import wait_until


@pytest.fixture
def arm(simulated: SimulatedBus, follower_calibration: Calibration) -> Iterator[So101Arm]:
    made = So101Arm(
        ServoBus(str(simulated.line.link), answer_timeout_s=0.1),
        follower_calibration,
        ArmOptions(telemetry_every=4),
    )
    made.connect()
    yield made
    made.close()


def test_vendor_example_is_understood() -> None:
    """The first eight bytes are the vendor manual's: 12.1 V, 30 degrees, no load."""
    block = bytes.fromhex('00 08 00 00 00 00 79 1E 00 00 00 00 00 64 00')
    assert decode_telemetry(block, 56) == JointTelemetry(30.0, pytest.approx(12.1), 0.0, 0.65)


def test_telemetry_comes_with_the_position(arm: So101Arm, simulated: SimulatedBus) -> None:
    arm.read()
    assert arm.memory.telemetry[0] == JointTelemetry(30.0, 5.0, 0.0, 0.0)
    before = simulated.requests
    simulated.servos[2].health.temperature_c = 57.0
    for _ in range(4):
        reading = arm.read()
    assert simulated.requests - before == 4
    assert reading.alarms == ('shoulder_lift: hotter than 55 C; let it rest',)
    assert arm.findings[0].level is Level.WARN


def test_velocity_is_the_slope_of_the_position(arm: So101Arm, simulated: SimulatedBus) -> None:
    arm.enable()
    arm.write(np.array([0.6, -0.5, 0.5, -0.5, 0.5, 1.2]))
    simulated.servos[1].advance(0)
    fastest = np.zeros(6)
    largest_load = 0.0

    def sampled() -> bool:
        nonlocal fastest, largest_load
        reading = arm.read()
        fastest = np.where(
            np.abs(reading.velocity_rad_s) > np.abs(fastest), reading.velocity_rad_s, fastest
        )
        largest_load = max(largest_load, float(np.abs(reading.load_duty).max()))
        return bool(np.abs(fastest).min() > 1.0)

    wait_until(sampled)
    assert np.all(np.sign(fastest) == [1, -1, 1, -1, 1, 1])
    assert np.abs(fastest).max() < 5.0  # 45 rpm without load
    assert 0.0 < largest_load <= 1.0


def test_coarse_speed_registers_are_scaled(
    simulated: SimulatedBus, follower_calibration: Calibration
) -> None:
    for servo in simulated.servos.values():
        servo.set(Register.PHASE, 8)
    arm = So101Arm(ServoBus(str(simulated.line.link)), follower_calibration)
    arm.connect()
    arm.read()
    arm.memory.speeds[:] = 1.0
    simulated.faults.add(Fault(FaultKind.SILENT))
    velocity = arm.read().velocity_rad_s
    assert velocity[0] == pytest.approx(50 * RAD_PER_TICK)
    simulated.faults.clear()
    arm.close()


@pytest.mark.parametrize(
    ('now', 'level', 'words'),
    [
        (JointTelemetry(54.9, 5.0, 0.1, 0.1), None, ''),
        (JointTelemetry(60.0, 5.0, 0.1, 0.1), Level.WARN, 'gripper: hotter than 55 C'),
        (JointTelemetry(66.0, 5.0, 0.1, 0.1), Level.ERROR, 'the servo stops at 70 C'),
        (JointTelemetry(30.0, 3.9, 0.1, 0.1), Level.WARN, 'below 4 V; use a stronger adapter'),
        (JointTelemetry(30.0, 12.1, 0.1, 0.1), Level.WARN, 'above 8 V; this is the wrong adapter'),
        (JointTelemetry(30.0, 5.0, 0.1, -1.6), Level.WARN, 'draws more than 1.5 A'),
        (JointTelemetry(30.0, 5.0, -0.95, 0.1), Level.WARN, 'above 90% of its power'),
    ],
)
def test_levels(now: JointTelemetry, level: Level | None, words: str) -> None:
    found = judge('gripper', now, ServoLimits(), TelemetryLimits())
    assert [finding.level for finding in found] == ([] if level is None else [level])
    assert all(words in finding.text for finding in found)


def test_thresholds_replace_the_servos_own() -> None:
    limits = TelemetryLimits(voltage_low_v=11.0, voltage_high_v=13.0)
    now = JointTelemetry(30.0, 5.0, 0.0, 0.0)
    (finding,) = judge('gripper', now, ServoLimits(70.0, 14.0, 4.0), limits)
    assert 'below 11 V' in finding.text


def test_range_alarm_has_a_margin_and_ends_later(follower_calibration: Calibration) -> None:
    watch = RangeWatch(follower_calibration, 0.05)
    ticks = np.array([follower_calibration[joint].middle_ticks for joint in JOINTS])
    top = follower_calibration['elbow_flex'].range_max

    def alarms(beyond_ticks: float) -> bool:
        ticks[2] = top + beyond_ticks
        return bool(watch.check(ticks))

    assert [alarms(n) for n in (0, 30, 40, 30, 10)] == [False, False, True, True, False]
    assert watch.beyond_rad[2] == pytest.approx(10 * RAD_PER_TICK)


def test_drift_since_the_calibration_is_told_at_connect(
    simulated: SimulatedBus, follower_calibration: Calibration
) -> None:
    simulated.servos[3].place(follower_calibration['elbow_flex'].range_max + 50)
    arm = So101Arm(ServoBus(str(simulated.line.link)), follower_calibration)
    arm.connect()
    assert arm.warnings[0].startswith('elbow_flex: is outside its calibrated range')
    arm.close()


def test_locked_eeprom_is_refused(
    simulated: SimulatedBus, follower_calibration: Calibration
) -> None:
    """A locked servo takes the value, shows it when asked, and has forgotten it next time."""
    simulated.inject(Fault(FaultKind.EEPROM_LOCK, 2))
    wait_until(lambda: simulated.servos[2].eeprom_is_stuck)
    arm = So101Arm(ServoBus(str(simulated.line.link)), follower_calibration)
    with pytest.raises(ServoError, match=r'shoulder_lift \(id 2\): LOCK stays 1.*would forget'):
        arm.connect()


def test_connecting_again_writes_no_eeprom_and_asks_little(
    arm: So101Arm, simulated: SimulatedBus
) -> None:
    stored = [bytes(servo._stored) for servo in simulated.servos.values()]
    arm.close()
    before = simulated.requests
    arm.connect()
    assert simulated.requests - before < 40
    assert [bytes(servo._stored) for servo in simulated.servos.values()] == stored
