"""Parameters with a value for each of several names."""

from __future__ import annotations

import numpy as np
import pytest

from so101_driver.arm.arm_config import FollowerConfig
from so101_driver.arm.calibration import Calibration
from so101_driver.common.errors import ConfigError
from so101_driver.common.parameters import build

BASE = {'port': 'p', 'id': 'x'}


def relative_deg(calibration: Calibration, value: object) -> list[float] | None:
    config = build(FollowerConfig, {**BASE, 'max_relative_target': value})
    limit = config.limits(calibration).max_relative_rad
    return None if limit is None else np.rad2deg(limit).tolist()


@pytest.mark.parametrize('value', [5, 5.0, '5', '[5.0]', [5.0]])
def test_one_value_is_for_all(follower_calibration: Calibration, value: object) -> None:
    assert relative_deg(follower_calibration, value)[:5] == pytest.approx([5.0] * 5)


@pytest.mark.parametrize(
    'value',
    ['{shoulder_pan: 5, wrist_roll: 10.5}', "{'shoulder_pan': 5,wrist_roll:10.5}",
     [5.0, 0.0, 0.0, 0.0, 10.5, 0.0], '5,0,0,0,10.5,0'],
)  # fmt: skip
def test_each_joint_has_its_own(follower_calibration: Calibration, value: object) -> None:
    inf = float('inf')
    assert relative_deg(follower_calibration, value) == pytest.approx(
        [5.0, inf, inf, inf, 10.5, inf]
    )


def test_off(follower_calibration: Calibration) -> None:
    assert relative_deg(follower_calibration, '0') is None


@pytest.mark.parametrize(
    ('value', 'words'),
    [
        ('{shoulder: 5}', 'unknown shoulder'),
        ('{shoulder_pan: much}', '"much" is not a number'),
        ('1,2', '2 values; one for all, or 6'),
        ('{gripper: 500}', '500 is above the maximum 400'),
        ('-1', 'below the minimum'),
    ],
)
def test_what_does_not_fit_is_refused(value: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(FollowerConfig, {**BASE, 'max_relative_target': value})
    assert words in str(caught.value) and 'max_relative_target' in str(caught.value)
