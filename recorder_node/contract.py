"""The contract: which topic fills which dataset feature, with units, order, size and alignment.

Read by the recorder and by the policy, so that training and serving cannot disagree.
`contract_file` reads one from YAML.
"""

from __future__ import annotations

import dataclasses
import math

from recorder_node.errors import ContractError

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
JOINT_FIELDS = {'position': 'pos', 'velocity': 'vel', 'effort': 'eff'}


@dataclasses.dataclass(frozen=True)
class Source:
    """One topic and how its messages become values.

    `joints` are the names to look up in the message, in dataset order; `fields` the Twist
    components. `latency_s` is subtracted from the stamps; `rate_hz` is what the publisher
    promises (0: unknown).
    """

    topic: str
    type: str
    joints: tuple[str, ...] = ()
    field: str = 'position'
    fields: tuple[str, ...] = ()
    width: int = 1
    units: str = 'native'
    align: str = 'hold'
    stamp: str = 'header'
    max_age_s: float = 0.2
    latency_s: float = 0.0
    rate_hz: float = 0.0


@dataclasses.dataclass(frozen=True)
class Feature:
    """One dataset feature: LeRobot dtype, shape and names, and the sources it is joined from."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] | None
    sources: tuple[Source, ...]

    @property
    def is_video(self) -> bool:
        """Tell whether the feature is a camera."""
        return self.dtype == 'video'


@dataclasses.dataclass(frozen=True)
class Contract:
    """A checked contract: robot type, features in dataset order, topic of the task if any."""

    robot_type: str
    features: tuple[Feature, ...]
    task_topic: str = ''

    @property
    def cameras(self) -> tuple[Feature, ...]:
        """The video features."""
        return tuple(f for f in self.features if f.is_video)

    @property
    def numeric(self) -> tuple[Feature, ...]:
        """The features stored as columns."""
        return tuple(f for f in self.features if not f.is_video)

    def with_cameras(self, names: tuple[str, ...]) -> Contract:
        """Return the contract with only the cameras named (by the last part of their feature).

        Raises:
            ContractError: when a name is not in the contract.
        """
        have = {f.name.rsplit('.', 1)[-1]: f for f in self.cameras}
        problems = [
            f'camera "{name}" is not in the contract; it has {", ".join(have) or "none"}'
            for name in names
            if name not in have
        ]
        if problems:
            raise ContractError(problems)
        keep = {have[name].name for name in names}
        features = tuple(f for f in self.features if not f.is_video or f.name in keep)
        return dataclasses.replace(self, features=features)

    def check_fps(self, fps: int) -> None:
        """Refuse an fps above what a camera delivers, naming every camera.

        Raises:
            ContractError: with one problem per camera.
        """
        problems = [
            f'fps is {fps} but camera "{f.name}" declares {source.rate_hz:g} Hz; '
            f'set fps:={math.floor(source.rate_hz)} or less, or change the camera'
            for f in self.cameras
            for source in f.sources
            if 0 < source.rate_hz < fps
        ]
        if problems:
            raise ContractError(problems)
