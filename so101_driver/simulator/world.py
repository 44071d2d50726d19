"""The simulated bench: a follower bus, a leader bus and the operator who holds the leader."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path

import numpy as np

from so101_driver.arm import calibration as calibration_files
from so101_driver.arm.calibration import Calibration
from so101_driver.arm.commands import goal_limits_rad
from so101_driver.arm.joints import JOINTS, FloatArray
from so101_driver.arm.units import MODES, RANGE_M100_100, rad_to_ticks, ticks_to_rad
from so101_driver.common.parameters import param
from so101_driver.common.priority import CONTROL_NICENESS
from so101_driver.simulator import fault_spec
from so101_driver.simulator.bus import Hand, SimulatedBus, servo_setups
from so101_driver.simulator.health import LATCHES
from so101_driver.simulator.motion_file import DEFAULT_FPS, load_motions
from so101_driver.simulator.operator import (
    REST_RAD,
    MotionSource,
    Operator,
    PickAndPlace,
    RecordedMotions,
)
from so101_driver.simulator.servo import ServoSetup

_GRACE_S = 2.0
_SHIPPED = Path(__file__).resolve().parents[2] / 'config' / 'sim'


@dataclasses.dataclass(frozen=True)
class SimulatorConfig:
    """Parameters of the simulator."""

    follower_port: str = param(
        '/tmp/so101_sim/follower', "path at which the follower's port appears", required=True
    )
    leader_port: str = param(
        '/tmp/so101_sim/leader', "path at which the leader's port appears", required=True
    )
    follower_calibration: str = param(
        str(_SHIPPED / 'follower.json'),
        "LeRobot calibration file that goes into the follower's servos",
        required=True,
    )
    leader_calibration: str = param(
        str(_SHIPPED / 'leader.json'),
        "LeRobot calibration file that goes into the leader's servos",
        required=True,
    )
    seed: int = param(0, 'seed of the scripted operator and of random faults', minimum=0)
    motion_file: str = param(
        '', 'recorded motion to replay (LeRobot .parquet or .csv); empty = scripted pick-and-place'
    )
    motion_units: str = param(
        RANGE_M100_100,
        "units of the motion file; per cent are those of the follower's calibration",
        choices=MODES,
    )
    motion_fps: float = param(
        DEFAULT_FPS,
        'rows per second of a motion file without a time column',
        unit='Hz',
        minimum=1.0,
        maximum=1000.0,
    )
    episode_motion: bool = param(
        True, 'motion k starts with episode k; false = motion after motion without a recorder'
    )
    follower_pose: str = param(
        'rest', 'where the follower stands at first', choices=('rest', 'start')
    )
    paced: bool = param(False, 'keep the lines busy for as long as 1 Mbps wires would be')
    turnaround_us: float = param(
        20.0, 'pause before each answer of a paced line', unit='us', minimum=0.0, maximum=600.0
    )
    strict: bool = param(
        False, 'end with an error when the host talks while an answer is still to come'
    )
    overload_latch: str = param(
        LATCHES[0], "what clears a servo's overload: its torque off, or the power", choices=LATCHES
    )
    faults: str = param(
        '', 'faults from the start on, a JSON object or list as for the topic ~/fault'
    )


class World:
    """Both simulated arms; closed in any order, more than once.

    Args:
        config: What to simulate.

    Raises:
        CalibrationError: for a calibration file that cannot be used.
        ConfigError: for a motion file that cannot be used.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        follower = calibration_files.load(config.follower_calibration)
        leader = calibration_files.load(config.leader_calibration)
        self.config = config
        self._leader_calibration = leader
        self.operator = Operator(_motion_source(config, follower, leader))
        start = self.operator.pose(0)
        latch = config.overload_latch
        pose = REST_RAD if config.follower_pose == 'rest' else start
        self.follower = self._bus(config.follower_port, servo_setups(follower, pose, latch))
        self.leader = self._bus(
            config.leader_port, servo_setups(leader, start, latch), self._leader_ticks, 1
        )
        self._ids = {'follower': follower.ids, 'leader': leader.ids}
        self._first_faults = fault_spec.parse(config.faults, self._ids)
        self._folders: list[Path] = []

    def start(self) -> None:
        """Make both ports appear.

        Raises:
            LinkError: when a port's path is taken.
        """
        for bus in (self.follower, self.leader):
            self._make_folder(bus.line.link.parent)
        self.follower.start()
        try:
            self.leader.start()
        except BaseException:
            self.follower.stop()
            raise
        for order in self._first_faults:
            self._obey(order)

    def inject(self, text: str) -> int:
        """Let the faults of a JSON text happen (see `fault_spec`); return how many orders it has.

        Raises:
            ConfigError: with every mistake in the text; nothing of it happens then.
        """
        orders = fault_spec.parse(text, self._ids)
        for order in orders:
            self._obey(order)
        return len(orders)

    def check(self) -> None:
        """Judge the host.

        Raises:
            ProtocolError: in strict mode, when it transmitted during an answer.
        """
        self.follower.check()
        self.leader.check()

    def close(self, grace_s: float = _GRACE_S) -> None:
        """Make both ports vanish, once the drivers have released the torque and closed them.

        Everything is stopped at the same moment; a port that vanished first would look like an
        unplugged arm that may still be powered.
        """
        deadline = time.monotonic() + grace_s
        lines = (self.follower.line, self.leader.line)
        while any(line.is_open_elsewhere() for line in lines) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.follower.stop()
        self.leader.stop()
        while self._folders:
            with contextlib.suppress(OSError):  # somebody else put something in
                self._folders.pop().rmdir()

    def _make_folder(self, folder: Path) -> None:
        """Make a folder for a port, to be removed again; one that was there stays."""
        if not folder.exists():
            self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            self._folders.append(folder)

    def _bus(
        self, port: str, setups: list[ServoSetup], hand: Hand | None = None, seed: int = 0
    ) -> SimulatedBus:
        config = self.config
        return SimulatedBus(
            port,
            setups,
            hand,
            paced=config.paced,
            seed=config.seed + seed,
            turnaround_s=config.turnaround_us * 1e-6,
            strict=config.strict,
            niceness=CONTROL_NICENESS,  # servos answer whatever this machine is busy with
        )

    def _obey(self, order: fault_spec.Order) -> None:
        bus = self.follower if order.bus == 'follower' else self.leader
        if order.fault is None:
            bus.clear_faults()
        else:
            bus.inject(order.fault)

    def _leader_ticks(self, now_ns: int) -> list[float]:
        pose = self.operator.pose(now_ns)
        ticks: list[float] = rad_to_ticks(pose, JOINTS, self._leader_calibration).tolist()
        return ticks


def _motion_source(
    config: SimulatorConfig, follower: Calibration, leader: Calibration
) -> MotionSource:
    if not config.motion_file:
        return PickAndPlace(config.seed)
    motions = load_motions(config.motion_file, config.motion_units, follower, config.motion_fps)
    low, high = _common_reach(follower, leader)
    return RecordedMotions(motions, low, high)


def _common_reach(follower: Calibration, leader: Calibration) -> tuple[FloatArray, FloatArray]:
    """Return what both can do: the follower's range, and the leader's encoder short of its seam."""
    low, high = goal_limits_rad(follower, 0.0)
    seam = ticks_to_rad(np.array([np.full(6, 2.0), np.full(6, 4093.0)]), JOINTS, leader)
    return np.maximum(low, seam.min(axis=0)), np.minimum(high, seam.max(axis=0))
