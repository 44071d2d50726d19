"""The policy node's parameters."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from policy_node.networks.policy import OVERRIDES
from so101_driver.common.parameters import param

LEROBOT, PREFETCH, RTC = 'lerobot', 'prefetch', 'rtc'


@dataclasses.dataclass(frozen=True)
class PolicyConfig:
    """Everything that can be set on the policy node."""

    policy_path: str = param(
        '', "checkpoint: LeRobot's pretrained_model folder, or owner/name on the Hub", required=True
    )
    contract: str = param('', 'contract file: which topic fills which feature', required=True)
    fps: int = param(30, 'actions per second; that of the training data', minimum=1, maximum=240)
    units: str = param(
        'degrees',
        "arm joints' unit in the training data",
        choices=('degrees', 'range_m100_100'),
    )
    calibration: str = param('', "the follower's LeRobot calibration file", required=True)
    device: str = param('auto', 'where the network runs', choices=('auto', 'cpu', 'cuda', 'mps'))
    precision: str = param('float32', 'what it computes in', choices=('float32', 'bf16', 'fp16'))
    compile: bool = param(False, 'hand the network to torch.compile; the start takes minutes')
    threads: int = param(0, 'processor threads of the network; 0 = as many as cores', minimum=0)
    noise_seed: int = param(
        -1, 'noise of Diffusion repeats itself in every episode; -1 = new noise'
    )
    queue: str = param(
        LEROBOT,
        "lerobot: LeRobot's action queue exactly; prefetch: the next chunk is computed while the "
        'present one is executed; rtc: likewise, with Real-Time Chunking',
        choices=(LEROBOT, PREFETCH, RTC),
    )
    rtc_horizon: int = param(
        10,
        'queue rtc: actions over which a chunk is guided by the one before',
        minimum=1,
        maximum=1000,
    )
    task: str = param('', 'what to do, in words, for policies that take them')
    n_action_steps: int = param(
        0, "actions executed of a chunk; 0 = the checkpoint's own", minimum=0, maximum=1000
    )
    policy_overrides: str = param(
        '',
        "fields of the checkpoint's config.json to replace: "
        f'name=value,name=value, of {", ".join(OVERRIDES)}',
    )
    rename_map: str = param(
        '', 'observations to rename for the checkpoint: front=top,wrist=gripper'
    )
    resize: bool = param(False, 'scale pictures of another size than the checkpoint has')
    max_observation_age_s: float = param(
        0.0,
        'an older observation stops the policy; 0 = 15 periods of the policy or the stream, '
        'whichever are longer, or what the contract allows beyond that',
        unit='s',
        minimum=0.0,
        maximum=10.0,
    )
    max_wait_s: float = param(
        10.0, 'a network that needs longer stops the policy', unit='s', minimum=0.1, maximum=600.0
    )
    max_step_rad: float = param(
        2.0,
        'two actions in a row further apart stop the policy, each joint',
        unit='rad',
        minimum=0.001,
        maximum=10.0,
    )
    limit_margin_rad: float = param(
        0.35,
        'an action further beyond the joint limits stops the policy; within it is clamped',
        unit='rad',
        minimum=0.0,
        maximum=10.0,
    )
    follow_session: bool = param(
        True, 'start and stop with the episodes of /recorder/status; else by ~/start and ~/stop'
    )
    leader_resets: bool = param(
        False, 'the leader commands the follower between episodes, to reset the scene'
    )

    def problems(self) -> list[str]:
        """Return what is wrong across fields."""
        found = []
        try:
            self.renames()
        except ValueError as error:
            found.append(f'rename_map is "{self.rename_map}": {error}')
        try:
            fields = parse_overrides(self.policy_overrides)
            if self.n_action_steps and 'n_action_steps' in fields:
                found.append('n_action_steps is given twice: policy_overrides has it too')
        except ValueError as error:
            found.append(f'policy_overrides is "{self.policy_overrides}": {error}')
        if not Path(self.calibration).expanduser().is_file():
            found.append(f'calibration {self.calibration}: no such file')
        return found

    def overrides(self) -> dict[str, Any]:
        """Return `policy_overrides` and `n_action_steps` by the name of the field.

        Raises:
            ValueError: when it is not a list of name=value, or a field cannot be replaced.
        """
        found = parse_overrides(self.policy_overrides)
        return {**found, 'n_action_steps': self.n_action_steps} if self.n_action_steps else found

    def renames(self) -> dict[str, str]:
        """Return `rename_map` by the name in the contract; see `parse_renames`."""
        return parse_renames(self.rename_map)


def parse_overrides(text: str) -> dict[str, Any]:
    """Return fields and values; a value is a number, true, false, null or a word.

    Raises:
        ValueError: when it is not a list of name=value, or a field cannot be replaced.
    """
    result = {}
    for name, value in _pairs(text, 'value'):
        if name not in OVERRIDES:
            raise ValueError(f'"{name}" cannot be replaced, only {", ".join(OVERRIDES)}')
        try:
            result[name] = json.loads(value)
        except ValueError:
            result[name] = value
    return result


def parse_renames(text: str) -> dict[str, str]:
    """Return the names of observations in the checkpoint, by their name in the contract.

    Short names of cameras stand for `observation.images.<name>`.

    Raises:
        ValueError: when it is not a list of name=name.
    """
    return {_full(here): _full(there) for here, there in _pairs(text, 'name')}


def _pairs(text: str, right: str) -> Iterator[tuple[str, str]]:
    for pair in filter(None, (part.strip() for part in text.split(','))):
        name, equals, value = (part.strip() for part in pair.partition('='))
        if not (name and equals and value):
            raise ValueError(f'"{pair}" is not name={right}')
        yield name, value


def _full(name: str) -> str:
    return name if name.startswith('observation') else f'observation.images.{name}'
