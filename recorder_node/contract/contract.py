"""The contract: which topic fills which dataset feature, with units, order, size and alignment.

Read by the recorder and by the policy, so that training and serving cannot disagree.
`contract_file` reads one from YAML.
"""

from __future__ import annotations

import dataclasses
import math

from recorder_node.contract.depth import DepthCoding
from recorder_node.errors import ContractError

COMPRESSED = 'sensor_msgs/msg/CompressedImage'
IMAGE_TYPES = ('sensor_msgs/msg/Image', COMPRESSED)
TEXT_TYPE = 'std_msgs/msg/String'
NUMERIC_DTYPES = (
    'float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool'.split()  # noqa: SIM905
)
# What the plain number messages hold: std_msgs/msg/Int8, Int8MultiArray and so on; Bool alone.
ELEMENT_DTYPES = {
    f'std_msgs/msg/{kind}{many}': kind.lower()
    for kind in 'Float32 Float64 Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64'.split()  # noqa: SIM905
    for many in ('', 'MultiArray')
} | {'std_msgs/msg/Bool': 'bool'}
JOINT_FIELDS = {'position': 'pos', 'velocity': 'vel', 'effort': 'eff'}
# What the session itself knows about a row, with the dtype of the feature that keeps it.
SESSION_DTYPES = {
    'done': 'bool',
    'success': 'bool',
    'reward': 'float32',
    'intervention': 'bool',
}
# Those that depend on how the operator marked the episode.
MARKED = ('success', 'reward')


@dataclasses.dataclass(frozen=True)
class Source:
    """One topic and how its messages become values.

    `joints` are the names to look up in the message, in dataset order; `fields` the Twist
    components. `latency_s` is subtracted from the stamps; `rate_hz` is what the publisher
    promises (0: unknown). `several_publishers` tells that more than one node may publish.
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
    several_publishers: bool = False


@dataclasses.dataclass(frozen=True)
class Feature:
    """One dataset feature: LeRobot dtype, shape and names, and the sources it is joined from.

    `session` names what the session fills in instead of a topic; `depth` is set for depth cameras.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] | None
    sources: tuple[Source, ...]
    session: str = ''
    depth: DepthCoding | None = None

    @property
    def is_video(self) -> bool:
        """Tell whether the feature is a camera stored as video."""
        return self.dtype == 'video'

    @property
    def is_picture(self) -> bool:
        """Tell whether the feature is a camera, however it is stored."""
        return self.dtype in ('video', 'image')

    @property
    def is_text(self) -> bool:
        """Tell whether the feature holds texts."""
        return self.dtype == 'string'


@dataclasses.dataclass(frozen=True)
class Contract:
    """A checked contract: robot type, features in dataset order, topic of the task if any."""

    robot_type: str
    features: tuple[Feature, ...]
    task_topic: str = ''

    @property
    def cameras(self) -> tuple[Feature, ...]:
        """The features that are pictures."""
        return tuple(f for f in self.features if f.is_picture)

    @property
    def numeric(self) -> tuple[Feature, ...]:
        """The features that are numbers, those of the session among them."""
        return tuple(f for f in self.features if not f.is_picture and not f.is_text)

    @property
    def texts(self) -> tuple[Feature, ...]:
        """The features that are texts."""
        return tuple(f for f in self.features if f.is_text)

    @property
    def session(self) -> tuple[Feature, ...]:
        """The features that the session fills in."""
        return tuple(f for f in self.features if f.session)

    def observations(self) -> Contract:
        """Return the contract with only what a policy may see: its `observation` features."""
        features = tuple(f for f in self.features if f.name.startswith('observation') and f.sources)
        return dataclasses.replace(self, features=features)

    def stored_as_images(self) -> Contract:
        """Return the contract with its cameras stored as image files instead of video."""
        return dataclasses.replace(
            self,
            features=tuple(
                dataclasses.replace(f, dtype='image') if f.is_picture else f for f in self.features
            ),
        )

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
        features = tuple(f for f in self.features if not f.is_picture or f.name in keep)
        if not any(f.sources for f in features):
            raise ContractError(['without its cameras the contract records no topic'])
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
