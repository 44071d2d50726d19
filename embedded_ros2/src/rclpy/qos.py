"""Quality of service profiles and their compatibility."""

from __future__ import annotations

import enum
import warnings
from dataclasses import dataclass, fields
from typing import Any

from rclpy.duration import Duration, Infinite


class QoSPolicyKind(enum.IntEnum):
    """Policies that can be incompatible."""

    INVALID = 1
    DURABILITY = 2
    DEADLINE = 4
    LIVELINESS = 8
    RELIABILITY = 16
    HISTORY = 32
    LIFESPAN = 64
    DEPTH = 128
    LIVELINESS_LEASE_DURATION = 256
    AVOID_ROS_NAMESPACE_CONVENTIONS = 512


def qos_policy_name_from_kind(policy_kind: QoSPolicyKind | int) -> str:
    """Return the name of a policy."""
    return QoSPolicyKind(int(policy_kind)).name


class _Policy(enum.IntEnum):
    @classmethod
    def short_keys(cls) -> list[str]:
        """Return the names used on command lines."""
        return [name.lower() for name in cls.__members__ if name != 'RMW']

    @classmethod
    def get_from_short_key(cls, name: str) -> int:
        """Return the policy of a command line name."""
        return cls[name.upper()].value

    @property
    def short_key(self) -> str:
        """Name used on command lines."""
        return self.name.lower()


class HistoryPolicy(_Policy):
    """How many samples are kept."""

    SYSTEM_DEFAULT = 0
    KEEP_LAST = 1
    KEEP_ALL = 2
    UNKNOWN = 3


class ReliabilityPolicy(_Policy):
    """Whether lost samples are sent again."""

    SYSTEM_DEFAULT = 0
    RELIABLE = 1
    BEST_EFFORT = 2
    UNKNOWN = 3
    BEST_AVAILABLE = 4


class DurabilityPolicy(_Policy):
    """Whether late subscribers get old samples."""

    SYSTEM_DEFAULT = 0
    TRANSIENT_LOCAL = 1
    VOLATILE = 2
    UNKNOWN = 3
    BEST_AVAILABLE = 4


class LivelinessPolicy(_Policy):
    """Who asserts that a publisher is alive."""

    SYSTEM_DEFAULT = 0
    AUTOMATIC = 1
    MANUAL_BY_TOPIC = 3
    UNKNOWN = 4
    BEST_AVAILABLE = 5


QoSHistoryPolicy = HistoryPolicy
QoSReliabilityPolicy = ReliabilityPolicy
QoSDurabilityPolicy = DurabilityPolicy
QoSLivelinessPolicy = LivelinessPolicy


class InvalidQoSProfileException(Exception):
    """A profile contradicts itself."""

    def __init__(self, *args: object) -> None:
        super().__init__('Invalid QoSProfile', *args)


_UNSET = Duration()


@dataclass(kw_only=True)
class QoSProfile:
    """The policies of one publisher, subscription, service or client."""

    history: HistoryPolicy = HistoryPolicy.SYSTEM_DEFAULT
    depth: int = 0
    reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE
    durability: DurabilityPolicy = DurabilityPolicy.VOLATILE
    lifespan: Duration = _UNSET
    deadline: Duration = _UNSET
    liveliness: LivelinessPolicy = LivelinessPolicy.SYSTEM_DEFAULT
    liveliness_lease_duration: Duration = _UNSET
    avoid_ros_namespace_conventions: bool = False

    def __init__(self, **policies: Any) -> None:
        unknown = policies.keys() - {field.name for field in fields(self)}
        if unknown:
            raise TypeError(f'Unknown QoS policies: {", ".join(sorted(unknown))}')
        if 'history' not in policies:
            if 'depth' not in policies:
                raise InvalidQoSProfileException('History and/or depth settings are required.')
            policies['history'] = HistoryPolicy.KEEP_LAST
        if policies['history'] == HistoryPolicy.KEEP_LAST and 'depth' not in policies:
            raise InvalidQoSProfileException('History set to KEEP_LAST without a depth setting.')
        for field in fields(self):
            setattr(self, field.name, policies.get(field.name, field.default))
        if self.history == HistoryPolicy.KEEP_LAST and self.depth == 0:
            warnings.warn(
                'A zero depth with KEEP_LAST makes no sense; no data could be stored. '
                'This will be interpreted as SYSTEM_DEFAULT',
                stacklevel=2,
            )

    def __setattr__(self, name: str, value: Any) -> None:
        kind = _KINDS.get(name)
        if kind is None:
            raise AttributeError(f'QoSProfile has no policy {name!r}')
        if isinstance(kind, type) and issubclass(kind, _Policy):
            value = kind(value)
        elif not isinstance(value, kind):
            raise TypeError(f'{name} must be of type {kind.__name__}, not {type(value).__name__}')
        if name == 'depth' and value < 0:
            raise ValueError('depth must be non-negative')
        object.__setattr__(self, name, value)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, field.name) for field in fields(self)))

    def get_c_qos_profile(self) -> QoSProfile:
        """Return the profile itself: there is no C object."""
        return self


_KINDS: dict[str, Any] = {
    'history': HistoryPolicy,
    'depth': int,
    'reliability': ReliabilityPolicy,
    'durability': DurabilityPolicy,
    'lifespan': Duration,
    'deadline': Duration,
    'liveliness': LivelinessPolicy,
    'liveliness_lease_duration': Duration,
    'avoid_ros_namespace_conventions': bool,
}


class QoSCompatibility(enum.IntEnum):
    """Whether two profiles can communicate."""

    OK = 0
    WARNING = 1
    ERROR = 2


def _limit_ns(duration: Duration) -> int:
    return duration.nanoseconds or Infinite.nanoseconds


def qos_check_compatible(
    publisher_qos: QoSProfile,
    subscription_qos: QoSProfile,
) -> tuple[QoSCompatibility, str]:
    """Return whether a subscription can receive from a publisher, and why not."""
    pub, sub = publisher_qos, subscription_qos
    errors, warned = [], []
    for name, weak, strong in (
        ('reliability', ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE),
        ('durability', DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL),
        ('liveliness', LivelinessPolicy.AUTOMATIC, LivelinessPolicy.MANUAL_BY_TOPIC),
    ):
        offered, requested = getattr(pub, name), getattr(sub, name)
        words = f'{offered.short_key} publisher and {requested.short_key} subscription'
        if offered == weak and requested == strong:
            errors.append(words.capitalize())
        elif (offered.short_key in _UNDECIDED and requested == strong) or (
            offered == weak and requested.short_key in _UNDECIDED
        ):
            warned.append(words.capitalize())
    for name in ('deadline', 'liveliness_lease_duration'):
        offered_ns, requested_ns = _limit_ns(getattr(pub, name)), _limit_ns(getattr(sub, name))
        if offered_ns > requested_ns:
            words = name.replace('_', ' ')
            errors.append(f"Subscription's {words} is less than publisher's {words}")
    if errors:
        return QoSCompatibility.ERROR, ''.join(f'ERROR: {text};' for text in errors)
    if warned:
        return QoSCompatibility.WARNING, ''.join(f'WARNING: {text};' for text in warned)
    return QoSCompatibility.OK, ''


_UNDECIDED = ('system_default', 'unknown')


@dataclass(frozen=True)
class _Preset:
    name: str
    profile: QoSProfile


qos_profile_unknown = QoSProfile(
    history=HistoryPolicy.UNKNOWN,
    depth=0,
    reliability=ReliabilityPolicy.UNKNOWN,
    durability=DurabilityPolicy.UNKNOWN,
    liveliness=LivelinessPolicy.UNKNOWN,
)
qos_profile_default = QoSProfile(depth=10)
qos_profile_system_default = QoSProfile(
    history=HistoryPolicy.SYSTEM_DEFAULT,
    reliability=ReliabilityPolicy.SYSTEM_DEFAULT,
    durability=DurabilityPolicy.SYSTEM_DEFAULT,
)
qos_profile_sensor_data = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
qos_profile_services_default = QoSProfile(depth=10)
qos_profile_parameters = QoSProfile(depth=1000)
qos_profile_parameter_events = QoSProfile(depth=1000)
_rosout_default = QoSProfile(
    depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL, lifespan=Duration(seconds=10)
)
qos_profile_action_status_default = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
qos_profile_best_available = QoSProfile(
    depth=10,
    reliability=ReliabilityPolicy.BEST_AVAILABLE,
    durability=DurabilityPolicy.BEST_AVAILABLE,
    liveliness=LivelinessPolicy.BEST_AVAILABLE,
)


class QoSPresetProfiles(enum.Enum):
    """Named profiles."""

    UNKNOWN = _Preset('unknown', qos_profile_unknown)
    DEFAULT = _Preset('default', qos_profile_default)
    SYSTEM_DEFAULT = _Preset('system_default', qos_profile_system_default)
    SENSOR_DATA = _Preset('sensor_data', qos_profile_sensor_data)
    SERVICES_DEFAULT = _Preset('services_default', qos_profile_services_default)
    PARAMETERS = _Preset('parameters', qos_profile_parameters)
    PARAMETER_EVENTS = _Preset('parameter_events', qos_profile_parameter_events)
    ACTION_STATUS_DEFAULT = _Preset('action_status_default', qos_profile_action_status_default)
    BEST_AVAILABLE = _Preset('best_available', qos_profile_best_available)

    @classmethod
    def short_keys(cls) -> list[str]:
        """Return the names used on command lines."""
        return [preset.value.name for preset in cls]

    @classmethod
    def get_from_short_key(cls, name: str) -> QoSProfile:
        """Return the profile of a command line name."""
        return cls[name.upper()].value.profile


def as_profile(qos: QoSProfile | int) -> QoSProfile:
    """Return a profile: an integer is the depth of a default one."""
    if isinstance(qos, QoSProfile):
        return qos
    if isinstance(qos, int):
        return QoSProfile(depth=qos)
    raise TypeError(f'Expected QoSProfile or int, but received {type(qos)!r}')
