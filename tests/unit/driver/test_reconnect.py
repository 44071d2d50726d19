"""Fifty unplugs and fifty power cuts under commands: back each time, without a jump."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from so101_driver.arm.arm import ArmState
from so101_driver.arm.calibration import Calibration
from so101_driver.arm.joints import JOINTS
from so101_driver.arm.units import rad_to_ticks
from so101_driver.simulator.bus import SimulatedBus
from so101_driver.simulator.faults import Fault, FaultKind
from tests.unit.driver.rig import Rig

ROUNDS = 50
RECOVERY_S = 2.0


@pytest.fixture
def waving(simulated: SimulatedBus, follower_calibration: Calibration) -> Iterator[Rig]:
    rig = Rig(simulated, follower_calibration, powers_up=True)
    rig.wave()
    rig.until(rig.follows)
    yield rig
    rig.close()


def cut(rig: Rig, fault: Fault) -> float:
    """Let the link or the supply fail; return how long the arm takes from its return on (s)."""
    assert fault.for_s is not None
    before = rig.thread.reconnects
    start_s = time.monotonic()
    rig.simulated.inject(fault)
    rig.until(lambda: rig.thread.reconnects > before and rig.follows(), f'back from {fault.kind}')
    return time.monotonic() - start_s - fault.for_s


def sink(rig: Rig, angle_rad: float) -> None:
    """Let the limp joints lie elsewhere."""
    ticks = rad_to_ticks([angle_rad] * 6, JOINTS, rig.calibration)
    for joint, tick in zip(JOINTS, ticks, strict=True):
        servo = rig.simulated.servos[rig.calibration[joint].id]
        if not servo.is_powered:
            servo.place(float(tick))


def test_unplugged_and_plugged_in_again(waving: Rig) -> None:
    times_s = [cut(waving, Fault(FaultKind.UNPLUG, for_s=0.02 + k % 5 / 50)) for k in range(ROUNDS)]
    assert max(times_s) < RECOVERY_S
    assert waving.thread.reconnects == ROUNDS
    assert waving.arm.state is ArmState.ACTIVE
    waving.assert_no_jump()
    waving.assert_nothing_invented()


def test_supply_cut_and_back(waving: Rig) -> None:
    """The port stays: silence tells; the limp arm sinks, and comes back with goals at zero."""
    for k in range(ROUNDS // 5):
        sinking = threading.Timer(0.3, sink, (waving, 0.05 + k % 2 * 0.3))
        sinking.start()
        assert cut(waving, Fault(FaultKind.POWER_CYCLE, for_s=0.7 + k % 3 / 10)) < RECOVERY_S
    waving.assert_no_jump()
    waving.assert_nothing_invented()


def test_supply_and_port_together(waving: Rig) -> None:
    for k in range(ROUNDS):
        waving.simulated.inject(Fault(FaultKind.POWER_CYCLE, for_s=0.02))
        sinking = threading.Timer(0.03, sink, (waving, 0.05 + k % 2 * 0.3))
        sinking.start()
        assert cut(waving, Fault(FaultKind.UNPLUG, for_s=0.05)) < RECOVERY_S
    waving.assert_no_jump()
    waving.assert_nothing_invented()
