"""Every fault while a follower is commanded: no jump, nothing invented, and words for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from so101_driver.arm.arm import ArmState
from so101_driver.arm.calibration import Calibration
from so101_driver.arm.gripper import GripperRelief
from so101_driver.bus.packets import Instruction
from so101_driver.bus.registers import Fault as ErrorBit
from so101_driver.bus.registers import Register
from so101_driver.common.errors import LinkError, NotActiveError, ServoError
from so101_driver.simulator.bus import SimulatedBus
from so101_driver.simulator.faults import Fault, FaultKind
from tests.conftest import wait_until
from tests.unit.driver.rig import Rig


@pytest.fixture
def make_rig(
    simulated: SimulatedBus, follower_calibration: Calibration
) -> Iterator[Callable[..., Rig]]:
    made: list[Rig] = []

    def make(**options: object) -> Rig:
        rig = Rig(simulated, follower_calibration, **options)
        made.append(rig)
        return rig

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def waving(make_rig: Callable[..., Rig]) -> Rig:
    rig = make_rig()
    rig.wave()
    rig.until(rig.follows, 'following')
    del rig.output.states[:-1]
    return rig


@pytest.mark.parametrize(
    'kind',
    [
        FaultKind.DROP,
        FaultKind.CORRUPT_CHECKSUM,
        FaultKind.CORRUPT_LENGTH,
        FaultKind.GARBAGE_BEFORE,
        FaultKind.GARBAGE_AFTER,
        FaultKind.WRONG_ID,
        FaultKind.DELAY,
        FaultKind.DUPLICATE,
        FaultKind.DEAF,
    ],
)
def test_one_bad_packet_in_a_hundred_is_only_counted(
    waving: Rig, simulated: SimulatedBus, kind: FaultKind
) -> None:
    simulated.inject(Fault(kind, count=None, rate=0.01))
    waving.until(lambda: simulated.faults.injected >= 8)
    assert waving.arm.state is ArmState.ACTIVE
    assert waving.thread.reconnects == 0
    assert not waving.reports
    assert all(counters.failures == 0 for counters in waving.arm.bus.counters.values())
    waving.assert_no_jump()
    waving.assert_nothing_invented()


@pytest.mark.parametrize(
    ('fault', 'words'),
    [
        (Fault(FaultKind.SILENT, 3, for_s=0.15), 'no answer from elbow_flex'),
        (Fault(FaultKind.SILENT, 3, for_s=1.8), 'elbow_flex (id 3) does not answer; check power'),
        (Fault(FaultKind.SILENT, for_s=1.6), 'the 3-pin cable that leads to shoulder_pan'),
        (Fault(FaultKind.WRONG_ID, 4, None, for_s=1.8), 'wrist_flex (id 4) answers with damaged'),
        (Fault(FaultKind.VOLTAGE, 2, for_s=0.3), 'shoulder_lift: voltage: the supply is outside'),
        (Fault(FaultKind.HEAT, 5, value=58.0, for_s=0.5), 'wrist_roll: hotter than 55 C'),
        (Fault(FaultKind.UNPLUG, for_s=0.2), 'no such device; is the arm plugged in'),
    ],
)
def test_passing_faults_are_named_and_overcome(
    waving: Rig, simulated: SimulatedBus, fault: Fault, words: str
) -> None:
    simulated.inject(fault)
    waving.until(lambda: any(words in report for report in waving.reports), words)
    waving.until(lambda: not waving.thread.problem and waving.follows(), 'following again')
    waving.assert_no_jump()
    waving.assert_nothing_invented()


@pytest.mark.parametrize(
    ('kind', 'cure'),
    [
        (FaultKind.HEAT, 'elbow_flex: temperature: it is too hot; let it cool down'),
        (FaultKind.CURRENT, 'elbow_flex: current: it drew too much current; free the joint'),
        (FaultKind.ENCODER, 'elbow_flex: encoder: its angle sensor fails'),
        (FaultKind.OVERLOAD, 'elbow_flex: overload: it pushed too hard for too long'),
    ],
)
def test_tripped_joint_is_held_until_its_fault_is_cleared(
    waving: Rig, simulated: SimulatedBus, kind: FaultKind, cure: str
) -> None:
    simulated.inject(Fault(kind, 3))
    waving.until(lambda: waving.follower.trips.joints == ('elbow_flex',))
    waving.until(lambda: any(report.startswith(cure) for report in waving.reports), cure)
    assert 'elbow_flex held until ~/clear_fault' in waving.follower.state_text()
    before = len(waving.output.writes)
    waving.until(lambda: len(waving.output.writes) > before + 60)
    goals = np.array([applied.goal_rad for applied, _ in waving.output.writes[before:]])
    assert np.ptp(goals[:, 2]) == 0.0
    assert np.ptp(goals[:, 0]) > 0.05, 'the other joints go on'
    if kind is not FaultKind.OVERLOAD:
        with pytest.raises(ServoError, match=r'elbow_flex: .* remains'):
            waving.thread.call(waving.follower.clear_fault)
    simulated.clear_faults()
    wait_until(lambda: simulated.servos[3].health.forced == 0)
    assert waving.thread.call(waving.follower.clear_fault) == 'no fault'
    waving.until(lambda: waving.follows() and not waving.follower.trips.joints)
    waving.assert_no_jump()
    waving.assert_nothing_invented()


def test_gripper_trips_without_relief_and_does_not_with_it(
    make_rig: Callable[..., Rig], simulated: SimulatedBus
) -> None:
    gripper = simulated.servos[6]
    rig = make_rig(relief=GripperRelief(duty=1.0))
    gripper.set(Register.PROTECTION_TIME, 20)
    rig.until(lambda: rig.is_at(0.4))
    gripper.joint.stop_low = gripper.joint.position - 20  # something is between the fingers
    rig.until(lambda: rig.ask(0.0) or rig.follower.trips.joints == ('gripper',))
    assert rig.thread.call(rig.follower.clear_fault) == 'no fault'
    rig.follower.relief.duty, rig.follower.relief.after_s = 0.2, 0.05
    rig.until(lambda: rig.ask(0.0) or rig.follower.relief.is_relieved)
    errors: list[int] = []
    rig.until(lambda: rig.ask(0.0) or errors.append(gripper.error) or len(errors) > 50)
    assert not any(errors)


def test_an_arm_that_does_not_answer_is_not_commanded(waving: Rig, simulated: SimulatedBus) -> None:
    """Goals that run ahead of a silent arm would be told as applied, and be far away later."""
    simulated.inject(Fault(FaultKind.SILENT, 4))
    waving.until(lambda: waving.thread.problem == 'no answer from wrist_flex')
    seen = len(waving.output.writes)
    waving.until(lambda: waving.arm.state is ArmState.UNCONFIGURED)
    assert len(waving.output.writes) == seen
    simulated.clear_faults()
    waving.until(waving.follows)
    waving.assert_no_jump()


def test_one_restarted_servo_stops_the_arm_and_is_named(
    waving: Rig, simulated: SimulatedBus
) -> None:
    """A loose plug: the servo is back at once, limp, with an old goal."""
    simulated.servos[4].write(Register.TORQUE_ENABLE.address, b'\0', 0)
    waving.until(lambda: any('wrist_flex lost the torque' in r for r in waving.reports))
    waving.until(lambda: waving.arm.state is ArmState.INACTIVE)
    assert any('wrist_flex: no torque, but the other joints hold' in r for r in waving.reports)
    assert simulated.servos[2].is_powered
    with pytest.raises(NotActiveError):
        waving.thread.call(lambda: waving.arm.write(np.zeros(6)))
    assert waving.thread.call(lambda: waving.follower.set_torque(True)) == 'torque is on'
    waving.until(waving.follows)
    waving.assert_no_jump()


def test_lost_goals_are_noticed_when_powering(waving: Rig, simulated: SimulatedBus) -> None:
    waving.thread.call(lambda: waving.follower.set_torque(False))
    simulated.servos[1].place(2300)
    simulated.inject(Fault(FaultKind.DEAF, 1, count=None, instruction=Instruction.SYNC_WRITE))
    wait_until(lambda: simulated.faults.faults)
    with pytest.raises(ServoError, match='the goal was not taken by shoulder_pan'):
        waving.thread.call(lambda: waving.follower.set_torque(True))
    assert not any(servo.is_powered for servo in simulated.servos.values())
    simulated.clear_faults()
    wait_until(lambda: not simulated.faults.faults)
    waving.thread.call(lambda: waving.follower.set_torque(True))
    waving.until(waving.follows)
    waving.assert_no_jump()


def test_pose_outside_the_calibrated_range_is_not_powered_and_alarmed(
    waving: Rig, simulated: SimulatedBus, follower_calibration: Calibration
) -> None:
    waving.thread.call(lambda: waving.follower.set_torque(False))
    simulated.servos[3].place(follower_calibration['elbow_flex'].range_max + 55)
    waving.until(
        lambda: any(
            report.startswith('elbow_flex: is outside its calibrated range')
            for report in waving.reports
        )
    )
    with pytest.raises(ServoError, match=r'jump: elbow_flex \(4\.8 degrees\); move the arm'):
        waving.thread.call(lambda: waving.follower.set_torque(True))
    simulated.servos[3].place(2000)
    waving.thread.call(lambda: waving.follower.set_torque(True))
    waving.until(waving.follows)


def test_home_needs_a_silent_source_and_yields_to_it(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.until(lambda: rig.is_at(0.4))
    with pytest.raises(NotActiveError, match='leader commands the arm; stop it, or set active'):
        rig.thread.call(rig.follower.go_home)
    rig.sources.select('none')
    assert rig.thread.call(rig.follower.go_home) == 'going home, 0.2 s'
    rig.until(lambda: np.allclose(rig.output.states[-1].positions_rad, 0.2, atol=0.01))
    rig.until(lambda: rig.follower.state_text() == 'holding: at home')
    rig.sources.select('policy')
    rig.until(
        lambda: (
            rig.ask(0.3, 'policy')
            or np.allclose(rig.output.states[-1].positions_rad, 0.3, atol=0.01)
        )
    )
    rig.assert_no_jump()
    rig.thread.call(lambda: rig.follower.set_torque(False))
    with pytest.raises(NotActiveError, match='the arm is inactive'):
        rig.thread.call(rig.follower.go_home)


def test_flags_do_not_hide_behind_reads(waving: Rig, simulated: SimulatedBus) -> None:
    """LeRobot's control loop ignores the error byte of a sync read."""
    simulated.inject(Fault(FaultKind.VOLTAGE, 6, value=3.0))
    waving.until(lambda: waving.output.states[-1].errors[5] == ErrorBit.VOLTAGE.value)
    waving.until(lambda: waving.arm.memory.telemetry[5].voltage_v == pytest.approx(3.0))
    assert waving.follows()


def test_stop_with_a_silent_servo_releases_the_others_and_says_so(
    waving: Rig, simulated: SimulatedBus
) -> None:
    """The link was given up by then; motors that can be reached are released all the same."""
    simulated.inject(Fault(FaultKind.SILENT, 2))
    waving.until(lambda: waving.arm.state is ArmState.UNCONFIGURED)
    waving.until(
        lambda: any('still powered: shoulder_pan, elbow_flex' in r for r in waving.reports)
    )
    with pytest.raises(ServoError, match='may still be on at shoulder_lift'):
        waving.thread.close()
    assert [i for i, servo in simulated.servos.items() if servo.is_powered] == [2]


def test_stop_without_the_port_says_that_nothing_was_released(
    waving: Rig, simulated: SimulatedBus
) -> None:
    simulated.inject(Fault(FaultKind.UNPLUG))
    waving.until(lambda: waving.arm.state is ArmState.UNCONFIGURED)
    with pytest.raises(LinkError, match='no such device'):
        waving.thread.close()
    waving.thread.close()
