"""A follower with its thread on a simulated arm, and a hand that commands it like a leader."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

import numpy as np

from so101_driver.arm.arm import Applied, ArmState, So101Arm
from so101_driver.arm.arm_reading import ArmReading
from so101_driver.arm.calibration import Calibration
from so101_driver.arm.commands import CommandLimits, CommandSources, goal_limits_rad
from so101_driver.arm.control import ArmThread
from so101_driver.arm.follower import Follower
from so101_driver.arm.gripper import GripperRelief
from so101_driver.arm.home import HomeMotion
from so101_driver.arm.joints import JOINTS
from so101_driver.arm.units import ticks_to_rad
from so101_driver.bus.bus import ServoBus
from so101_driver.common.errors import DriverError
from so101_driver.simulator.bus import SimulatedBus
from tests.conftest import wait_until

_FRESH_NS = 100_000_000
MAX_VELOCITY_RAD_S = 2.0
LARGEST_STEP_RAD = MAX_VELOCITY_RAD_S * 0.05
"""The clamp: what the velocity limit allows after the longest pause that it counts."""


class Recorded:
    """Keeps what a follower puts out."""

    def __init__(self) -> None:
        self.states: list[ArmReading] = []
        self.writes: list[tuple[Applied, str]] = []

    def joint_states(self, reading: ArmReading) -> None:
        self.states.append(reading)

    def applied(self, applied: Applied, kind: str) -> None:
        self.writes.append((applied, kind))


class Rig:
    """A follower on a simulated arm, powered and cycling."""

    def __init__(
        self,
        simulated: SimulatedBus,
        calibration: Calibration,
        powers_up: bool = False,
        relief: GripperRelief | None = None,
    ) -> None:
        self.simulated = simulated
        self.calibration = calibration
        bus = ServoBus(str(simulated.line.link), answer_timeout_s=0.05)
        self.arm = So101Arm(bus, calibration, clock_ns=time.monotonic_ns)
        limits = CommandLimits(
            *goal_limits_rad(calibration, 0.005),
            max_velocity_rad_s=MAX_VELOCITY_RAD_S,
            ramp_speed_rad_s=MAX_VELOCITY_RAD_S,
        )
        self.sources = CommandSources(('leader', 'policy'), 'leader', limits)
        self.output = Recorded()
        self.reports: list[str] = []
        self.follower = Follower(
            self.arm,
            self.sources,
            relief or GripperRelief(after_s=0.1),
            self.output,
            time.monotonic_ns,
            HomeMotion(np.full(6, 0.2), 1.0),
            powers_up,
        )
        self.thread = ArmThread(
            self.arm, 100.0, self.follower.cycle, self.follower.connected, self.reports.append
        )
        self._hand: threading.Thread | None = None
        self._hand_stops = threading.Event()
        self.arm.connect()
        self.arm.enable()
        self.thread.start()

    def ask(self, value: float, source: str = 'leader') -> None:
        now_ns = time.monotonic_ns()
        self.sources.offer(source, np.full(6, value), now_ns, now_ns)

    def is_at(self, value: float) -> bool:
        self.ask(value)
        states = self.output.states
        return bool(states) and bool(np.allclose(states[-1].positions_rad, value, atol=0.01))

    def wave(self) -> None:
        """Command all joints between 0.1 and 0.4 rad from now on, as a leader at 50 Hz does."""

        def run() -> None:
            while not self._hand_stops.wait(0.02):
                self.ask(0.25 + 0.15 * math.sin(3.0 * time.monotonic()))

        self._hand = threading.Thread(target=run, daemon=True)
        self._hand.start()

    def follows(self) -> bool:
        """Tell whether the arm is powered, measured just now, and does what it is told."""
        states = self.output.states
        return (
            self.arm.state is ArmState.ACTIVE
            and self.sources.text == 'following leader'
            and bool(states)
            and time.monotonic_ns() - states[-1].stamp_ns < _FRESH_NS
        )

    def until(self, condition: Callable[[], object], what: str = '') -> None:
        wait_until(condition, what=f'{what}; reports: {self.reports[-5:]}')

    def largest_steps_rad(self) -> np.ndarray:
        """Return how far each joint was told to go at once, at most."""
        steps = []
        for joint in JOINTS:
            servo = self.simulated.servos[self.calibration[joint].id]
            ends = ticks_to_rad([0, servo.largest_step], joint, self.calibration)
            steps.append(abs(ends[1] - ends[0]))
        return np.array(steps)

    def assert_no_jump(self) -> None:
        """Fail when a joint was told to go further at once than the clamp allows."""
        steps = self.largest_steps_rad()
        assert steps.max() <= LARGEST_STEP_RAD + 0.005, steps

    def assert_nothing_invented(self) -> None:
        """Fail when a published pose is none that the arm can have had."""
        poses = np.array([state.positions_rad for state in self.output.states])
        assert poses.min() > -0.05
        assert poses.max() < 0.45
        assert np.abs(np.diff(poses, axis=0)).max() < 0.4
        assert not any(state.missing for state in self.output.states)

    def close(self) -> None:
        self._hand_stops.set()
        if self._hand is not None:
            self._hand.join()
        try:
            self.thread.close()
        except DriverError as error:
            self.reports.append(str(error))
