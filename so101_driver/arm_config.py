"""Parameters of the arm nodes, declared once."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from so101_driver.arm import ArmOptions
from so101_driver.calibration import Calibration
from so101_driver.commands import CommandLimits, goal_limits_rad
from so101_driver.joints import JOINTS
from so101_driver.parameters import param
from so101_driver.serial_port import DEFAULT_BAUDRATE
from so101_driver.units import DEGREES, RANGE_M100_100, unit_size_rad

_LEADER_TOPIC = '/leader/joint_commands'
_POLICY_TOPIC = '/policy/joint_commands'


@dataclasses.dataclass(frozen=True)
class ArmConfig:
    """Parameters that follower and leader share."""

    port: str = param('', 'serial port of the arm', required=True)
    id: str = param('', 'LeRobot id of the arm, names its calibration file')
    calibration: str = param('', "calibration file; empty = LeRobot's file of that id")
    baudrate: int = param(DEFAULT_BAUDRATE, 'speed of the bus', unit='bit/s', minimum=4800)
    rate_hz: float = param(
        100.0, 'control cycles per second', unit='Hz', minimum=1.0, maximum=500.0
    )
    answer_timeout_s: float = param(
        0.05,
        'how long a servo may take to answer beyond the time on the wire',
        unit='s',
        minimum=0.001,
        maximum=1.0,
    )
    port_wait_s: float = param(
        0.0, 'how long to wait at start for the port to appear', unit='s', minimum=0.0, maximum=600
    )
    write_calibration: bool = param(
        False, 'write the calibration file into servos that differ instead of refusing them'
    )
    disable_torque_on_disconnect: bool = param(
        True, "release the torque on an orderly end (LeRobot's name and default)"
    )

    def problems(self) -> list[str]:
        """Return what is wrong across fields."""
        if not self.id and not self.calibration:
            return ['id or calibration: one of them must name the calibration file']
        return []

    def options(self, role: str) -> ArmOptions:
        """Return the arm's options."""
        return ArmOptions(role, self.write_calibration, self.disable_torque_on_disconnect)


@dataclasses.dataclass(frozen=True)
class LeaderConfig(ArmConfig):
    """Parameters of the leader: those of every arm."""


@dataclasses.dataclass(frozen=True)
class FollowerConfig(ArmConfig):
    """Parameters of the follower."""

    torque_on_start: bool = param(True, 'power the motors at start; else ~/set_torque does')
    sources: tuple[str, ...] = param(('leader', 'policy'), 'command sources, one topic each')
    leader_topic: str = param(_LEADER_TOPIC, 'topic of the source "leader"')
    policy_topic: str = param(_POLICY_TOPIC, 'topic of the source "policy"')
    active_source: str = param(
        'leader', 'the source that is obeyed; may be set while running', live=True
    )
    command_max_age_s: float = param(
        0.25, 'a command with an older stamp is ignored', unit='s', minimum=0.01, maximum=10.0
    )
    command_timeout_s: float = param(
        0.5, 'silence after which the arm holds', unit='s', minimum=0.02, maximum=60.0
    )
    ramp_speed_rad_s: float = param(
        1.0, 'speed at which a hand-over closes up', unit='rad/s', minimum=0.05, maximum=10.0
    )
    max_velocity_rad_s: float = param(
        6.0, "limit of the goal's speed", unit='rad/s', minimum=0.05, maximum=20.0
    )
    max_relative_target: float = param(
        0.0,
        "LeRobot's clamp against the present position in dataset units; 0 = off",
        minimum=0.0,
        maximum=400.0,
    )
    units: str = param(DEGREES, 'units of max_relative_target', choices=(DEGREES, RANGE_M100_100))
    limit_margin_rad: float = param(
        0.005,
        'goals stay that far inside the calibrated range',
        unit='rad',
        minimum=0.0,
        maximum=0.5,
    )
    gripper_relief_duty: float = param(
        0.2,
        'duty of a squeezing gripper above which it is relieved; 1 = never',
        minimum=0.05,
        maximum=1.0,
    )
    gripper_relief_after_s: float = param(
        1.0, 'how long the gripper may squeeze', unit='s', minimum=0.1, maximum=60.0
    )

    def problems(self) -> list[str]:
        """Return what is wrong across fields."""
        found = super().problems()
        if not self.sources:
            found.append('sources: at least one command source is needed')
        elif self.active_source not in self.sources:
            found.append(f'active_source: "{self.active_source}" is not among sources')
        found += [
            f'{name}_topic: the source "{name}" has no topic'
            for name in self.sources
            if not self.topic(name)
        ]
        return found

    def topic(self, source: str) -> str:
        """Return a source's topic; sources without a parameter use `/<source>/joint_commands`."""
        known: Any = getattr(self, f'{source}_topic', f'/{source}/joint_commands')
        return str(known)

    def limits(self, calibration: Calibration) -> CommandLimits:
        """Return how commands are bounded for this arm."""
        low, high = goal_limits_rad(calibration, self.limit_margin_rad)
        relative = None
        if self.max_relative_target > 0.0:
            size = unit_size_rad(JOINTS, self.units, calibration)
            relative = np.asarray(size * self.max_relative_target)
        return CommandLimits(
            low,
            high,
            self.max_velocity_rad_s,
            self.ramp_speed_rad_s,
            self.command_max_age_s,
            self.command_timeout_s,
            relative,
        )
