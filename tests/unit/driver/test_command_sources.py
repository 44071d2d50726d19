"""Sources, ramped hand-over, clamps and hold, with time handed in."""

import numpy as np
import pytest

from so101_driver.arm.calibration import Calibration
from so101_driver.arm.commands import (
    COMMAND,
    HOLD,
    CommandLimits,
    CommandSources,
    goal_limits_rad,
    in_joint_order,
)
from so101_driver.arm.gripper import GripperRelief
from so101_driver.arm.joints import JOINTS
from so101_driver.common.errors import ConfigError

PERIOD_NS = 10_000_000
START_NS = 1_000_000_000_000


class Bench:
    """Drives the sources at 100 Hz with an arm that follows at once."""

    def __init__(self, **limits: object) -> None:
        bounds = {'low_rad': np.full(6, -2.0), 'high_rad': np.full(6, 2.0)}
        self.sources = CommandSources(
            ('leader', 'policy'), 'leader', CommandLimits(**{**bounds, **limits})
        )
        self.now_ns = START_NS
        self.present = np.zeros(6)

    def offer(self, source: str, value: float, age_s: float = 0.0) -> str:
        stamp_ns = self.now_ns - round(age_s * 1e9)
        return self.sources.offer(source, np.full(6, value), stamp_ns, self.now_ns)

    def step(self) -> str:
        self.now_ns += PERIOD_NS
        goal, kind = self.sources.step(self.present, self.now_ns)
        self.biggest = float(np.max(np.abs(goal - self.present)))
        self.present = goal
        return kind


def test_first_step_after_a_reset_moves_nothing() -> None:
    bench = Bench(ramp_speed_rad_s=1.0)
    bench.offer('leader', 1.0)
    bench.step()
    assert bench.biggest == 0.0
    bench.sources.reset(np.full(6, -0.5))
    bench.present = np.full(6, -0.5)
    bench.offer('leader', 1.0)
    bench.step()
    assert bench.biggest == 0.0


def test_first_command_ramps_then_follows() -> None:
    bench = Bench(ramp_speed_rad_s=1.0)
    assert bench.step() == HOLD
    assert 'no command from leader yet' in bench.sources.text
    for _ in range(50):
        bench.offer('leader', 1.0)
        assert bench.step() == COMMAND
        assert bench.biggest <= 0.0101
        assert bench.sources.text == 'ramping to leader'
    for _ in range(52):
        bench.offer('leader', 1.0)
        bench.step()
    np.testing.assert_allclose(bench.present, 1.0)
    assert bench.sources.text == 'following leader'


def test_ramp_closes_up_to_a_moving_source() -> None:
    bench = Bench(ramp_speed_rad_s=1.0)
    for k in range(200):
        target = 0.5 + 0.5 * np.sin(k / 15)
        bench.offer('leader', target)
        bench.step()
    np.testing.assert_allclose(bench.present, target)


def test_change_of_source_ramps_and_ignores_the_other() -> None:
    bench = Bench()
    for _ in range(200):
        bench.offer('leader', 0.5)
        bench.offer('policy', -0.5)
        bench.step()
    np.testing.assert_allclose(bench.present, 0.5)
    bench.sources.select('policy')
    assert bench.step() == HOLD
    bench.offer('policy', -0.5)
    bench.step()
    assert bench.biggest <= 0.0101
    with pytest.raises(ConfigError, match='no command source "joystick"'):
        bench.sources.select('joystick')


def test_what_a_source_sent_since_the_last_step_counts_when_it_is_selected() -> None:
    bench = Bench()
    bench.offer('policy', 0.5)
    bench.step()
    bench.now_ns += 1
    bench.sources.select('policy')
    assert bench.step() == HOLD
    bench.sources.select('leader')
    bench.offer('policy', 0.5)
    bench.sources.select('policy')
    assert bench.step() == COMMAND


def test_silence_holds_the_last_goal_and_return_ramps() -> None:
    bench = Bench(timeout_s=0.1)
    for _ in range(120):
        bench.offer('leader', 1.0)
        bench.step()
    kinds = [bench.step() for _ in range(20)]
    assert kinds == [HOLD] * 20
    assert 'for 0.1 s' in bench.sources.text
    np.testing.assert_allclose(bench.present, 1.0)
    bench.offer('leader', -1.0)
    bench.step()
    assert bench.biggest <= 0.0101


def test_clamps() -> None:
    bench = Bench(max_velocity_rad_s=2.0, ramp_speed_rad_s=100.0)
    for _ in range(300):
        bench.offer('leader', 5.0)
        bench.step()
        assert bench.biggest <= 0.0201
    np.testing.assert_allclose(bench.present, 2.0)
    assert bench.sources.clamped > 0
    capped = Bench(max_relative_rad=np.full(6, 0.005))
    for _ in range(2):
        capped.offer('leader', 1.0)
        capped.step()
    np.testing.assert_allclose(capped.present, 0.005)


def test_refusals_are_counted_and_change_nothing() -> None:
    bench = Bench()
    assert 'finite' in bench.offer('leader', float('nan'))
    assert 'older' in bench.offer('leader', 0.1, age_s=0.3)
    assert 'unknown' in bench.offer('ghost', 0.1)
    assert sum(bench.sources.refused.values()) == 3
    assert bench.step() == HOLD
    np.testing.assert_array_equal(bench.present, 0.0)


def test_limits_come_from_the_calibration(
    follower_calibration: Calibration, leader_calibration: Calibration
) -> None:
    low, high = goal_limits_rad(follower_calibration, 0.01)
    assert np.all(low < high)
    assert high[0] == pytest.approx((3231 - 866) / 2 * 2 * np.pi / 4095 - 0.01)
    low, high = goal_limits_rad(leader_calibration, 0.0)
    assert high[4] < np.pi - 0.1  # a full turn was never swept


def test_names_are_put_in_order() -> None:
    names = [*reversed(JOINTS), 'wheel']
    np.testing.assert_array_equal(in_joint_order(names, range(7)), [5, 4, 3, 2, 1, 0])
    with pytest.raises(ConfigError, match='no position for gripper'):
        in_joint_order(JOINTS[:5], range(5))


def test_gripper_is_relieved_until_it_opens() -> None:
    relief = GripperRelief(duty=0.2, after_s=0.5)
    now_ns = START_NS
    goals = []
    for _ in range(100):
        goals.append(relief.limit(0.0, 0.4, -0.4 if not relief.is_relieved else 0.0, now_ns))
        now_ns += PERIOD_NS
    assert goals[0] == 0.0
    assert goals[-1] == 0.4
    assert relief.limit(0.6, 0.4, 0.0, now_ns) == 0.6
    assert not relief.is_relieved
