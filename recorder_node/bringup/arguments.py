"""The arguments of teleop_record.launch.py, taken from the nodes' own parameter tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import yaml

from recorder_node.session.config import RecorderConfig
from so101_driver.arm.arm_config import FollowerConfig, LeaderConfig
from so101_driver.arm.units import MODES
from so101_driver.common.parameters import Parameter, param, table

# What `ros2 launch` and launch itself understand besides a file's own arguments.
_OF_LAUNCH = ('launch-prefix', 'launch-prefix-filter', 'emulate_tty', '__keystore', '__secure')
# Parameters that the launch file sets itself.
_SET_BY_LAUNCH = ('contract', 'calibration', 'policy', 'start_when')
# Parameters of the follower that are arguments of the launch file under the same name.
FOLLOWER_ARGUMENTS = (
    'max_relative_target',
    'max_velocity_rad_s',
    'ramp_speed_rad_s',
    'command_timeout_s',
    'torque_on_reconnect',
    'home',
    'home_units',
    'home_speed_rad_s',
)
# Likewise of the leader, and of both.
LEADER_ARGUMENTS = ('gripper_spring', 'gripper_spring_open', 'gripper_spring_duty')
ARM_ARGUMENTS = ('arm_model', 'publish_velocity_effort', 'effort')


@dataclasses.dataclass(frozen=True)
class LaunchConfig:
    """The arguments that belong to no single node."""

    hardware: str = param(
        'real', 'real arms and cameras, or simulated ones', choices=('real', 'sim')
    )
    follower_port: str = param('', "the follower's serial port; needed with hardware:=real")
    leader_port: str = param('', "the leader's serial port; needed with hardware:=real")
    follower_id: str = param('', "the follower's LeRobot id, names its calibration file")
    leader_id: str = param('', "the leader's LeRobot id, names its calibration file")
    follower_calibration: str = param('', "the follower's calibration file, instead of its id")
    leader_calibration: str = param('', "the leader's calibration file, instead of its id")
    follower_calibration_dir: str = param(
        '', "folder of the follower's calibration file <id>.json, instead of LeRobot's"
    )
    leader_calibration_dir: str = param(
        '', "folder of the leader's calibration file <id>.json, instead of LeRobot's"
    )
    write_calibration: bool = param(
        False, 'write the calibration files into servos that differ instead of refusing them'
    )
    disable_torque_on_disconnect: bool = param(True, 'release the arm on an orderly end')
    contract: str = param(
        '', 'contract file, or the name of one of this package; default so101.yaml'
    )
    cameras_file: str = param(
        '', 'devices and modes of the cameras; default config/cameras.yaml of this package'
    )
    camera_source: str = param(
        '',
        'for all cameras: device, scene, coded or the path of a video file; default device '
        'with hardware:=real and scene with hardware:=sim',
    )
    leader_motion: str = param(
        '',
        'with hardware:=sim: recorded motion to replay, a LeRobot parquet or a CSV file; '
        'default a scripted pick-and-place, different in every episode',
    )
    leader_motion_units: str = param('range_m100_100', 'units of leader_motion', choices=MODES)
    seed: int = param(0, 'seed of the scripted operator', minimum=0)
    sim_faults: str = param(
        '', 'with hardware:=sim: faults of the arms, JSON as for the topic /simulator/fault'
    )
    record: bool = param(True, 'false: teleoperate without recording')
    console: bool = param(True, 'show status and take keys in the terminal, when there is one')


def table_of_arguments() -> dict[str, Parameter]:
    """Return every argument by name."""
    arguments = table(LaunchConfig)
    arguments.update(
        {
            name: parameter
            for name, parameter in table(RecorderConfig).items()
            if name not in _SET_BY_LAUNCH
        }
    )
    follower, leader = table(FollowerConfig), table(LeaderConfig)
    arguments.update({name: follower[name] for name in (*ARM_ARGUMENTS, *FOLLOWER_ARGUMENTS)})
    arguments.update({name: leader[name] for name in LEADER_ARGUMENTS})
    return arguments


def default_text(value: Any) -> str:
    """Return a default as launch writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ','.join(map(str, value))
    return str(value)


def unknown_arguments(given: Mapping[str, str], known: Mapping[str, Parameter]) -> list[str]:
    """Say which given arguments do not exist; launch itself accepts them silently."""
    return [
        f'unknown argument "{name}"; --show-args lists the known ones'
        for name in given
        if name not in known and name not in _OF_LAUNCH
    ]


class Text(str):
    """A text that stays one in the file by which launch hands parameters to a node.

    Without quotes ROS would read the id 08 there as a number and y as a boolean.
    """

    __slots__ = ()


def _quoted(dumper: Any, text: Text) -> Any:
    return dumper.represent_scalar('tag:yaml.org,2002:str', text, style="'")


yaml.add_representer(Text, _quoted)
