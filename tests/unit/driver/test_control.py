"""The arm's thread and the follower's cycle: reconnects, bad packets, requests in between."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from so101_driver.arm.arm import ArmState, So101Arm
from so101_driver.arm.calibration import Calibration
from so101_driver.arm.commands import COMMAND, HOLD, CommandLimits
from so101_driver.arm.control import connect_within
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import Register
from so101_driver.common.errors import LinkError, NotActiveError
from so101_driver.common.pacing import Grid
from so101_driver.simulator.bus import SimulatedBus
from so101_driver.simulator.faults import Fault, FaultKind
from tests.conftest import wait_until
from tests.unit.driver.rig import Rig


@pytest.fixture
def rig(simulated: SimulatedBus, follower_calibration: Calibration) -> Iterator[Rig]:
    made = Rig(simulated, follower_calibration)
    yield made
    made.close()


def test_command_is_followed_and_silence_held(rig: Rig) -> None:
    wait_until(lambda: rig.is_at(0.3))
    assert COMMAND in {kind for _, kind in rig.output.writes}
    rig.sources.limits = CommandLimits(
        rig.sources.limits.low_rad, rig.sources.limits.high_rad, timeout_s=0.02
    )
    wait_until(lambda: [kind for _, kind in rig.output.writes[-5:]] == [HOLD] * 5)
    assert 'holding' in rig.follower.state_text()


def test_bad_packets_change_nothing(rig: Rig, simulated: SimulatedBus) -> None:
    wait_until(lambda: rig.is_at(0.2))
    simulated.faults.add(Fault(FaultKind.CORRUPT_CHECKSUM, count=None, rate=0.02))
    rig.output.states.clear()
    wait_until(lambda: rig.is_at(0.2) and simulated.faults.injected > 5)
    wait_until(lambda: len(rig.output.states) > 30)
    positions = np.array([state.positions_rad for state in rig.output.states])
    assert np.abs(positions - 0.2).max() < 0.01


def test_silent_joint_is_reported_and_not_published(rig: Rig, simulated: SimulatedBus) -> None:
    wait_until(lambda: rig.is_at(0.1))
    simulated.faults.add(Fault(FaultKind.SILENT, servo_id=2))
    wait_until(lambda: 'no answer from shoulder_lift' in rig.reports)
    seen = len(rig.output.states)
    cycles = rig.thread.cycles
    wait_until(lambda: rig.thread.cycles > cycles + 2)
    assert len(rig.output.states) <= seen + 1
    simulated.faults.clear()
    wait_until(lambda: len(rig.output.states) > seen + 5)
    assert rig.thread.problem == ''


def test_unplug_and_replug(rig: Rig, simulated: SimulatedBus) -> None:
    for round_number in range(3):
        wait_until(lambda: rig.is_at(0.25))
        simulated.stop()
        wait_until(lambda: rig.arm.state is ArmState.UNCONFIGURED)
        with pytest.raises(LinkError):
            rig.thread.call(rig.arm.disable)
        rig.output.writes.clear()
        simulated.start()
        wait_until(lambda: bool(rig.output.writes))
        first = rig.output.writes[0][0].goal_rad
        assert np.abs(first - 0.25).max() < 0.03
        assert rig.thread.reconnects == round_number + 1


def test_power_cut_ends_in_a_limp_arm_that_waits(rig: Rig, simulated: SimulatedBus) -> None:
    wait_until(lambda: rig.is_at(0.1))
    simulated.stop()
    simulated.power_cycle()
    wait_until(lambda: rig.arm.state is ArmState.UNCONFIGURED)
    simulated.start()
    wait_until(lambda: rig.arm.state is ArmState.INACTIVE)
    assert 'takes no commands' in rig.follower.state_text()
    with pytest.raises(NotActiveError):
        rig.thread.call(lambda: rig.arm.write(np.zeros(6)))
    assert rig.thread.call(lambda: rig.follower.set_torque(True)) == 'torque is on'
    wait_until(lambda: rig.is_at(0.1))


def test_squeezing_gripper_is_relieved(rig: Rig, simulated: SimulatedBus) -> None:
    wait_until(lambda: rig.is_at(0.5))
    gripper = simulated.servos[6]
    gripper.joint.stop_low = gripper.joint.position - 20  # something is between the fingers
    wait_until(lambda: rig.ask(0.0) or rig.follower.relief.is_relieved)
    wait_until(lambda: rig.ask(0.0) or abs(gripper.get(Register.PRESENT_LOAD)) < 200)
    assert 'gripper relieved' in rig.follower.state_text()
    wait_until(lambda: rig.is_at(0.5))
    assert not rig.follower.relief.is_relieved


def test_close_releases_the_motors(rig: Rig, simulated: SimulatedBus) -> None:
    rig.thread.close()
    assert not any(servo.is_powered for servo in simulated.servos.values())
    rig.thread.close()


def test_a_request_that_timed_out_is_never_carried_out(rig: Rig) -> None:
    rig.thread.call(lambda: rig.follower.set_torque(False))
    free, busy = threading.Event(), threading.Event()

    def block() -> None:
        busy.set()
        free.wait(20.0)

    blocker = threading.Thread(target=rig.thread.call, args=(block, 20.0))
    blocker.start()
    assert busy.wait(20.0)
    with pytest.raises(TimeoutError, match='not done'):
        rig.thread.call(lambda: rig.follower.set_torque(True), timeout_s=0.05)
    with pytest.raises(TimeoutError, match='not done'):
        rig.thread.call(rig.arm.enable, timeout_s=0.0)
    free.set()
    blocker.join()
    cycles = rig.thread.cycles
    wait_until(lambda: rig.thread.cycles > cycles + 5)
    assert rig.arm.state is ArmState.INACTIVE


def test_a_request_that_was_begun_is_not_called_refused(rig: Rig) -> None:
    def slow() -> str:
        time.sleep(0.2)
        return 'done'

    assert rig.thread.call(slow, timeout_s=0.15) == 'done'
    free = threading.Event()
    with pytest.raises(TimeoutError, match='begun'):
        rig.thread.call(lambda: free.wait(20.0), timeout_s=0.05)
    free.set()


def test_requests_left_at_the_end_are_answered(rig: Rig) -> None:
    rig.thread.close()
    caught: list[Exception] = []

    def ask() -> None:
        try:
            rig.thread.call(rig.arm.enable, timeout_s=20.0)
        except NotActiveError as error:
            caught.append(error)

    asker = threading.Thread(target=ask)
    asker.start()
    wait_until(lambda: rig.thread.close() or caught, what='an answer')
    asker.join()


def test_the_source_is_asked_for_in_each_cycle(rig: Rig) -> None:
    wanted = ['leader']
    rig.follower._active_source = lambda: wanted[0]
    wait_until(lambda: rig.is_at(0.1))
    wanted[0] = 'policy'
    wait_until(lambda: rig.sources.active == 'policy')
    wait_until(lambda: rig.ask(0.3, 'policy') or rig.output.states[-1].positions_rad[0] > 0.29)


def test_connect_waits_for_the_port(simulated: SimulatedBus, rig: Rig) -> None:
    rig.thread.close()
    simulated.stop()
    arm = So101Arm(ServoBus(str(simulated.line.link)), rig.arm.calibration)
    with pytest.raises(LinkError, match='no such device'):
        connect_within(arm, 0.1, lambda: False)
    simulated.start()
    connect_within(arm, 5.0, lambda: False)
    arm.close()


def test_grid_never_moves_and_counts_what_it_skipped() -> None:
    class Stop:
        def __init__(self) -> None:
            self.now_ns = 0

        def is_set(self) -> bool:
            return False

        def wait(self, seconds: float) -> bool:
            self.now_ns += round(seconds * 1e9)
            return False

    stop = Stop()
    grid = Grid(100.0, lambda: stop.now_ns)
    for k in range(1, 4):
        grid.wait(stop)  # type: ignore[arg-type]
        assert (grid.tick, stop.now_ns) == (k, k * 10_000_000)
        stop.now_ns += 3_000_000
    stop.now_ns += 52_000_000
    grid.wait(stop)  # type: ignore[arg-type]
    assert grid.skipped == 4
    grid.wait(stop)  # type: ignore[arg-type]
    assert stop.now_ns % 10_000_000 == 0
