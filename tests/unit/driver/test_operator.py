"""The operator: scripted motions that repeat with their seed, and recorded ones from files."""

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from so101_driver.arm import units
from so101_driver.arm.calibration import Calibration
from so101_driver.arm.joints import JOINTS, limits_rad
from so101_driver.arm.kinematics import forward, reach
from so101_driver.common.errors import ConfigError
from so101_driver.simulator.motion_file import Motion, load_motions
from so101_driver.simulator.operator import Operator, PickAndPlace, RecordedMotions

NS = 1_000_000_000


@pytest.mark.parametrize(
    ('pose_deg', 'tip'),
    [
        ((0, 0, 0, 0, 0), (0.3914, 0.0, 0.2265)),
        ((30, 0, 0, 0, 0), (0.3441, -0.1763, 0.2265)),
        ((0, 30, 0, 0, 0), (0.4031, 0.0, 0.0507)),
        ((0, 0, 30, 0, 0), (0.3506, 0.0, 0.0798)),
        ((0, 0, 0, 30, 0), (0.3661, 0.0, 0.1479)),
        ((0, 0, 0, 0, -90), (0.3914, 0.0077, 0.2345)),
        ((-30, -40, 50, 60, -20), (0.1767, 0.0827, 0.0504)),
        ((0, -100, 90, 75, 0), (0.1456, 0.0, 0.0055)),
    ],
)
def test_forward_kinematics(pose_deg: tuple[float, ...], tip: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(forward(np.deg2rad([*pose_deg, 0])).tip, tip, atol=1e-4)


def test_reach_comes_near() -> None:
    angles = reach(0.24, 0.08, 0.03, 1.1)
    assert angles is not None
    tip = forward([*angles, 0.0, 0.0]).tip
    np.testing.assert_allclose(tip, (0.24, 0.08, 0.03), atol=0.012)
    assert reach(0.7, 0.0, 0.1, 1.0) is None


def test_script_differs_by_episode_and_repeats_by_seed() -> None:
    limits = limits_rad()
    motions = [PickAndPlace(7).motion(k) for k in range(20)]
    for k, motion in enumerate(motions):
        np.testing.assert_array_equal(motion.positions_rad, PickAndPlace(7).motion(k).positions_rad)
        assert 5.0 < motion.duration_s < 20.0
        assert np.all(motion.positions_rad >= limits[:, 0])
        assert np.all(motion.positions_rad <= limits[:, 1])
        speed = np.abs(np.diff(motion.positions_rad, axis=0)).max() * 100
        assert speed < 4.0
    assert len({motion.positions_rad.tobytes() for motion in motions}) == 20
    assert not np.array_equal(
        motions[0].positions_rad[100], PickAndPlace(8).motion(0).positions_rad[100]
    )


def test_operator_follows_the_recorder() -> None:
    script = PickAndPlace(1)
    operator = Operator(script)
    first, second = script.motion(0), script.motion(1)
    operator.follow_status('IDLE', 0, 0)
    np.testing.assert_array_equal(operator.pose(5 * NS), first.positions_rad[0])
    operator.follow_status('RECORDING', 0, 10 * NS)
    operator.follow_status('RECORDING', 0, 12 * NS)
    np.testing.assert_allclose(operator.pose(13 * NS), first.at(3.0))
    np.testing.assert_array_equal(operator.pose(99 * NS), first.positions_rad[-1])
    operator.follow_status('RESET', 1, 100 * NS)
    path = np.array([operator.pose(100 * NS + k * NS // 100) for k in range(500)])
    assert np.abs(np.diff(path, axis=0)).max() * 100 < 1.3
    np.testing.assert_allclose(path[-1], second.positions_rad[0])
    operator.follow_status('RECORDING', 1, 110 * NS)
    np.testing.assert_allclose(operator.pose(112 * NS), second.at(2.0))


def test_early_start_is_joined_without_a_jump(caplog: pytest.LogCaptureFixture) -> None:
    script = PickAndPlace(1)
    operator = Operator(script)
    operator.begin(0, 0)
    operator.begin(1, 2 * NS)
    assert 'still on its way' in caplog.text
    path = np.array([operator.pose(2 * NS + k * NS // 100) for k in range(300)])
    np.testing.assert_allclose(path[0], script.motion(0).at(2.0), atol=1e-6)
    assert np.abs(np.diff(path, axis=0)).max() * 100 < 4.0


def test_free_run_goes_on_for_ever() -> None:
    operator = Operator(PickAndPlace(1))
    episodes = set()
    for k in range(600):
        operator.run_freely(k * NS // 10)
        episodes.add(operator._episode)
    assert {0, 1, 2} <= episodes


def test_parquet_and_csv_mean_the_same(tmp_path: Path, follower_calibration: Calibration) -> None:
    rows = np.random.default_rng(0).uniform(-90, 90, (20, 6))
    rows[:, 5] = np.abs(rows[:, 5])
    times = np.tile(np.arange(10) / 30, 2)
    episodes = np.repeat([0, 1], 10)
    action = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 6)
    pq.write_table(
        pa.table({'action': action, 'episode_index': episodes, 'timestamp': times}),
        tmp_path / 'm.parquet',
    )
    header = ','.join(['timestamp', 'episode_index', *[f'{j}.pos' for j in JOINTS]])
    lines = [
        ','.join(map(repr, [float(t), int(e), *map(float, row)]))
        for t, e, row in zip(times, episodes, rows, strict=True)
    ]
    (tmp_path / 'm.csv').write_text('\n'.join([header, *lines]))
    for mode in units.MODES:
        from_parquet = load_motions(tmp_path / 'm.parquet', mode, follower_calibration)
        from_csv = load_motions(tmp_path / 'm.csv', mode, follower_calibration)
        assert len(from_parquet) == len(from_csv) == 2
        for one, other, part in zip(from_parquet, from_csv, (rows[:10], rows[10:]), strict=True):
            np.testing.assert_allclose(one.positions_rad, other.positions_rad)
            back = units.rad_to_units(one.positions_rad, JOINTS, mode, follower_calibration)
            np.testing.assert_allclose(back, part, atol=1e-9)
            np.testing.assert_allclose(one.at(0.05), (one.at(1 / 30) + one.at(2 / 30)) / 2)


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('none.csv', None, 'no such motion file'),
        ('a.txt', 'x', 'is .parquet or .csv'),
        ('a.csv', 'gripper\n1\n', 'no column for shoulder_pan'),
        ('a.csv', ','.join(JOINTS) + '\n1,2,3,4,5,x\n', 'not a number'),
        ('a.csv', ','.join(JOINTS) + '\n', 'no rows'),
        ('a.csv', ','.join(JOINTS) + '\n1,2,3,4,5,nan\n', 'not finite'),
        ('a.parquet', 'hello', 'cannot be read'),
    ],
)
def test_bad_motion_files_are_named(
    tmp_path: Path,
    follower_calibration: Calibration,
    name: str,
    text: str | None,
    message: str,
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_motions(tmp_path / name, units.DEGREES, follower_calibration)
    assert name in str(caught.value)


def test_motion_out_of_reach_is_clamped_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    motion = Motion(np.array([0.0]), np.full((1, 6), 2.0))
    with caplog.at_level(logging.WARNING):
        source = RecordedMotions([motion], np.full(6, -1.0), np.full(6, 1.5))
    assert 'by up to 0.500 rad' in caplog.text
    np.testing.assert_array_equal(source.motion(3).positions_rad, np.full((1, 6), 1.5))
