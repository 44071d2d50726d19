"""Both simulated arms in a process of their own, driven through their ports."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from so101_driver.arm.arm import ArmOptions, So101Arm
from so101_driver.arm.calibration import Calibration
from so101_driver.bus.bus import ServoBus
from so101_driver.common.errors import LinkError
from so101_driver.simulator.line import PseudoTerminal
from so101_driver.simulator.operator import REST_RAD, PickAndPlace
from tests.conftest import wait_until


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[tuple[str, str]]:
    (tmp_path / 'mine').mkdir()
    follower = str(tmp_path / 'made' / 'on' / 'demand' / 'follower')
    leader = str(tmp_path / 'mine' / 'leader')
    process = subprocess.Popen(
        [
            sys.executable,
            '-m',
            'so101_driver.simulator',
            '--until-eof',
            f'follower_port:={follower}',
            f'leader_port:={leader}',
            'seed:=5',
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b'ready\n'
    yield follower, leader
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert not os.path.lexists(follower)
    assert [path.name for path in tmp_path.rglob('*')] == ['mine']


def test_leader_waits_at_the_start_and_follower_goes_there(
    ports: tuple[str, str], follower_calibration: Calibration, leader_calibration: Calibration
) -> None:
    follower = So101Arm(ServoBus(ports[0]), follower_calibration)
    leader = So101Arm(ServoBus(ports[1]), leader_calibration, ArmOptions(role='leader'))
    follower.connect()
    leader.connect()
    try:
        start = PickAndPlace(5).motion(0).positions_rad[0]
        held = leader.read().positions_rad
        np.testing.assert_allclose(held, start, atol=1.5e-3)
        np.testing.assert_allclose(follower.read().positions_rad, REST_RAD, atol=1.5e-3)
        follower.enable()
        follower.write(held)
        wait_until(lambda: bool(np.allclose(follower.read().positions_rad, held, atol=2e-3)))
    finally:
        leader.close()
        follower.close()


def test_a_name_belongs_to_one_simulator(tmp_path: Path) -> None:
    first, second = (PseudoTerminal(tmp_path / 'arm') for _ in range(2))
    first.plug()
    with pytest.raises(LinkError, match='another simulator'):
        second.plug()
    first.close()
    assert list(tmp_path.iterdir()) == []
    second.plug()
    second.close()
    (tmp_path / 'arm').write_text('mine')
    third = PseudoTerminal(tmp_path / 'arm')
    with pytest.raises(LinkError, match='no simulated port'):
        third.plug()
    third.close()
    assert (tmp_path / 'arm').read_text() == 'mine'
