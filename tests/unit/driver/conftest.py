"""Simulated arms on pseudo-terminals for the driver's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from so101_driver.arm import calibration
from so101_driver.arm.calibration import Calibration
from so101_driver.bus.bus import ServoBus
from so101_driver.simulator.bus import SimulatedBus, servo_setups

SIM = Path(__file__).parents[3] / 'config' / 'sim'


@pytest.fixture
def follower_calibration() -> Calibration:
    return calibration.load(SIM / 'follower.json')


@pytest.fixture
def leader_calibration() -> Calibration:
    return calibration.load(SIM / 'leader.json')


@pytest.fixture
def simulated(tmp_path: Path, follower_calibration: Calibration) -> Iterator[SimulatedBus]:
    setups = servo_setups(follower_calibration, [0.0] * 6)
    with SimulatedBus(tmp_path / 'arm', setups) as bus:
        yield bus


@pytest.fixture
def bus(simulated: SimulatedBus) -> Iterator[ServoBus]:
    opened = ServoBus(str(simulated.line.link), answer_timeout_s=0.3)
    opened.open()
    yield opened
    opened.close()
