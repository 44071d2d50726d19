"""Parameters of the arm nodes, declared once."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np

from so101_driver.arm.arm import ArmOptions
from so101_driver.arm.calibration import MODELS, SO101, Calibration
from so101_driver.arm.commands import NOBODY, CommandLimits, goal_limits_rad
from so101_driver.arm.home import HomeMotion
from so101_driver.arm.joints import JOINTS
from so101_driver.arm.telemetry import TelemetryLimits
from so101_driver.arm.units import DEGREES, MODES, RANGE_M100_100, unit_size_rad, units_to_rad
from so101_driver.bus.serial_port import DEFAULT_BAUDRATE
from so101_driver.common.parameters import param
from so101_driver.common.priority import CONTROL_NICENESS

# Relative: in a namespace they are the leader and the policy of the same namespace.
_LEADER_TOPIC = 'leader/joint_commands'
_POLICY_TOPIC = 'policy/joint_commands'
_TOPIC_NAME = re.compile('(~?/)?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*')
DUTY = 'duty'
CURRENT = 'current'
EFFORTS = (DUTY, CURRENT)


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
    control_niceness: int = param(
        CONTROL_NICENESS,
        'niceness of the control thread, where the system permits one; 0 = as the others',
        minimum=-20,
        maximum=0,
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
    arm_model: str = param(
        SO101, "whose folder of LeRobot's calibration files an id is looked up in", choices=MODELS
    )
    publish_velocity_effort: bool = param(
        False, 'fill velocity (rad/s) and effort of ~/joint_states, so that they can be recorded'
    )
    effort: str = param(
        DUTY, 'what the effort is: motor duty (-1..1) or motor current (A)', choices=EFFORTS
    )
    telemetry_hz: float = param(
        10.0, 'how often temperature, voltage and current are read', unit='Hz', minimum=0.1
    )
    temperature_warn_c: float = param(
        55.0, 'warning above this temperature of a servo', unit='C', minimum=0.0, maximum=150.0
    )
    temperature_error_c: float = param(
        65.0, 'error above it; the servo itself stops at 70', unit='C', minimum=0.0, maximum=150.0
    )
    voltage_low_v: float = param(
        0.0, "warning below it; 0 = the servo's own limit", unit='V', minimum=0.0, maximum=30.0
    )
    voltage_high_v: float = param(
        0.0, "warning above it; 0 = the servo's own limit", unit='V', minimum=0.0, maximum=30.0
    )
    current_warn_a: float = param(
        1.5, 'warning above this current of a servo', unit='A', minimum=0.0, maximum=10.0
    )
    load_warn_duty: float = param(
        0.9, 'warning above this duty of a motor; 1 = never', minimum=0.0, maximum=1.0
    )
    range_alarm_rad: float = param(
        0.05,
        'alarm when a joint is that far outside its calibrated range',
        unit='rad',
        minimum=0.0,
        maximum=3.0,
    )

    def problems(self) -> list[str]:
        """Return what is wrong across fields."""
        if not self.id and not self.calibration:
            return ['id or calibration: one of them must name the calibration file']
        return []

    def options(self, role: str) -> ArmOptions:
        """Return the arm's options."""
        needs_current = self.publish_velocity_effort and self.effort == CURRENT
        return ArmOptions(
            role,
            self.write_calibration,
            self.disable_torque_on_disconnect,
            reads_motion=self.publish_velocity_effort,
            telemetry_every=1 if needs_current else max(round(self.rate_hz / self.telemetry_hz), 1),
            telemetry=TelemetryLimits(
                self.temperature_warn_c,
                self.temperature_error_c,
                self.voltage_low_v,
                self.voltage_high_v,
                self.current_warn_a,
                self.load_warn_duty,
            ),
            range_margin_rad=self.range_alarm_rad,
        )


@dataclasses.dataclass(frozen=True)
class LeaderConfig(ArmConfig):
    """Parameters of the leader."""

    gripper_spring: bool = param(
        False, 'power the gripper alone, softly, so that it opens when it is let go'
    )
    gripper_spring_open: float = param(
        80.0, 'where the spring pulls it', unit='%', minimum=0.0, maximum=100.0
    )
    gripper_spring_duty: float = param(
        0.1, 'how hard it pulls', unit='duty', minimum=0.02, maximum=0.3
    )


@dataclasses.dataclass(frozen=True)
class FollowerConfig(ArmConfig):
    """Parameters of the follower."""

    torque_on_start: bool = param(True, 'power the motors at start; else ~/set_torque does')
    torque_on_reconnect: bool = param(
        False, 'power them again after the arm lost its supply; else ~/set_torque does'
    )
    sources: tuple[str, ...] = param(('leader', 'policy'), 'command sources, one topic each')
    leader_topic: str = param(_LEADER_TOPIC, 'topic of the source "leader"')
    policy_topic: str = param(_POLICY_TOPIC, 'topic of the source "policy"')
    active_source: str = param(
        'leader',
        'the source that is obeyed, or none: the arm holds; may be set while running',
        live=True,
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
    max_relative_target: tuple[float, ...] = param(
        (0.0,),
        "LeRobot's clamp against the present position in dataset units; 0 = off",
        minimum=0.0,
        maximum=400.0,
        names=JOINTS,
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

    home: tuple[float, ...] = param(
        (0.0, -90.0, 80.0, 75.0, 0.0, 20.0), 'pose of ~/home in joint order, in home_units'
    )
    home_units: str = param(
        DEGREES, 'units of home; the gripper is 0..100 % but in radians', choices=MODES
    )
    home_speed_rad_s: float = param(
        0.5, 'speed of the fastest joint on the way home', unit='rad/s', minimum=0.01, maximum=3.0
    )

    def problems(self) -> list[str]:
        """Return what is wrong across fields."""
        found = super().problems()
        if len(self.home) != len(JOINTS):
            found.append(f'home: {len(self.home)} values, {len(JOINTS)} joints')
        if not self.sources:
            found.append('sources: at least one command source is needed')
        elif self.active_source not in (*self.sources, NOBODY):
            found.append(f'active_source: "{self.active_source}" is not among sources')
        found += [
            f'{name}_topic: "{self.topic(name)}" is no topic name (letters, digits, _ and /)'
            for name in self.sources
            if not _TOPIC_NAME.fullmatch(self.topic(name))
        ]
        return found

    def topic(self, source: str) -> str:
        """Return a source's topic; others use `<source>/joint_commands`."""
        known: Any = getattr(self, f'{source}_topic', f'{source}/joint_commands')
        return str(known)

    def home_motion(self, calibration: Calibration) -> HomeMotion:
        """Return the way to the home pose."""
        target = units_to_rad(self.home, JOINTS, self.home_units, calibration)
        return HomeMotion(target, self.home_speed_rad_s)

    def limits(self, calibration: Calibration) -> CommandLimits:
        """Return how commands are bounded for this arm."""
        low, high = goal_limits_rad(calibration, self.limit_margin_rad)
        relative = None
        if any(self.max_relative_target):
            targets = np.array(self.max_relative_target)
            size = unit_size_rad(JOINTS, self.units, calibration)
            relative = np.asarray(size * np.where(targets > 0.0, targets, np.inf))
        return CommandLimits(
            low,
            high,
            self.max_velocity_rad_s,
            self.ramp_speed_rad_s,
            self.command_max_age_s,
            self.command_timeout_s,
            relative,
        )
