"""Faults of simulated cameras: their text, their time, and what a camera does in them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from so101_driver.cameras.config import CameraConfig, make_source
from so101_driver.cameras.faults import DAMAGE, STALL, UNPLUG, CameraFaults, parse
from so101_driver.cameras.faulty import FaultySource
from so101_driver.cameras.frame import DamagedError
from so101_driver.cameras.source import JointCache, MissingError
from so101_driver.common.errors import CameraError, ConfigError
from so101_driver.common.parameters import build
from so101_driver.simulator import fault_spec

IDS = {'follower': {'gripper': 6}, 'leader': {'gripper': 6}}


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def order(faults: CameraFaults, **fault: object) -> int:
    return faults.order(json.dumps(fault))


def test_every_mistake_is_named() -> None:
    with pytest.raises(ConfigError, match='not JSON'):
        parse('{')
    wrong = [
        {'kind': 'camera_fly'},
        {'kind': 'camera_unplug', 'for': 1},
        {'kind': 'camera_stall', 'for_s': -1},
        {'kind': 'camera_stall', 'at_s': True},
        {'kind': 'camera_damage', 'count': 1.5},
        {'kind': 'camera_damage', 'camera': 3},
    ]
    with pytest.raises(ConfigError) as caught:
        parse(json.dumps(wrong))
    assert len(caught.value.problems) == len(wrong)
    assert 'camera_unplug, camera_stall' in caught.value.problems[0]


def test_arms_and_cameras_leave_each_other_alone() -> None:
    mixed = json.dumps([{'kind': 'drop', 'rate': 0.1}, {'kind': 'camera_stall', 'camera': 'front'}])
    assert [fault.kind for fault in parse(mixed)] == [STALL]
    (arm,) = fault_spec.parse(mixed, IDS)
    assert arm.fault is not None
    assert arm.fault.rate == 0.1
    assert parse(' ') == []


def test_faults_in_time_and_by_name() -> None:
    clock = Clock()
    faults = CameraFaults('front', clock)
    assert order(faults, kind='camera_unplug', camera='wrist') == 0
    assert order(faults, kind='camera_unplug', camera='front', at_s=1, for_s=2) == 1
    seen = []
    for now_s in (100.5, 101.0, 102.9, 103.0):
        clock.now_s = now_s
        seen.append(faults.is_on(UNPLUG))
    assert seen == [False, True, True, False]
    assert order(faults, kind='camera_stall') == 1
    clock.now_s = 1e6
    assert faults.is_on(STALL)
    order(faults, kind='camera_clear')
    assert not faults.is_on(STALL)


def test_damage_by_count_and_by_rate() -> None:
    faults = CameraFaults('front')
    order(faults, kind=DAMAGE, count=2)
    assert [faults.damages() for _ in range(4)] == [True, True, False, False]
    order(faults, kind=DAMAGE, rate=0.25)
    assert 100 < sum(faults.damages() for _ in range(1000)) < 400


def test_what_a_camera_does() -> None:
    clock = Clock()
    faults = CameraFaults('front', clock)
    config = build(CameraConfig, {'source': 'coded'})
    source = make_source(config, JointCache(), lambda: 5, faults)
    assert isinstance(source, FaultySource)
    source.open()
    frame = source.grab(1)
    assert frame is not None
    assert frame.image.shape == (480, 640, 3)
    order(faults, kind=DAMAGE, count=1)
    with pytest.raises(DamagedError):
        source.grab(2)
    assert np.any(source.grab(3).image)  # type: ignore[union-attr]
    order(faults, kind=UNPLUG, for_s=1)
    with pytest.raises(CameraError, match='unplugged'):
        source.grab(4)
    with pytest.raises(MissingError):
        source.open()
    clock.now_s += 1
    source.open()
    order(faults, kind=STALL)
    source.close()  # as another thread would; a grab returns at once then
    assert source.grab(5) is None


def test_a_device_has_faults_of_its_own() -> None:
    config = build(CameraConfig, {'source': 'device'})
    source = make_source(config, JointCache(), lambda: 0, CameraFaults('front'))
    assert not isinstance(source, FaultySource)
