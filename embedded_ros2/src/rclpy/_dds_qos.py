"""Translation between QoS profiles and Cyclone DDS policies."""

from __future__ import annotations

from typing import Any

from cyclonedds.qos import Policy, Qos

from rclpy.duration import Duration, Infinite
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSProfile,
    ReliabilityPolicy,
)

INFINITE_NS = Infinite.nanoseconds


def to_dds(profile: QoSProfile, type_hash: str | None) -> Qos:
    """Return the policies of a reader or writer; undecided ones become reliable, volatile."""
    history: Any = Policy.History.KeepLast(max(profile.depth, 1))
    if profile.history is HistoryPolicy.KEEP_ALL:
        history = Policy.History.KeepAll
    policies = [
        history,
        Policy.DataRepresentation(use_cdrv0_representation=True, use_xcdrv2_representation=False),
        Policy.Reliability.BestEffort
        if profile.reliability is ReliabilityPolicy.BEST_EFFORT
        else Policy.Reliability.Reliable(INFINITE_NS),
    ]
    if profile.durability is DurabilityPolicy.TRANSIENT_LOCAL:
        policies += [
            Policy.Durability.TransientLocal,
            Policy.DurabilityService(0, history, -1, -1, -1),
        ]
    if profile.lifespan.nanoseconds:
        policies.append(Policy.Lifespan(profile.lifespan.nanoseconds))
    if profile.deadline.nanoseconds:
        policies.append(Policy.Deadline(profile.deadline.nanoseconds))
    lease_ns = profile.liveliness_lease_duration.nanoseconds or INFINITE_NS
    if profile.liveliness is LivelinessPolicy.MANUAL_BY_TOPIC:
        policies.append(Policy.Liveliness.ManualByTopic(lease_ns))
    elif lease_ns != INFINITE_NS:
        policies.append(Policy.Liveliness.Automatic(lease_ns))
    if type_hash:
        policies.append(Policy.Userdata(f'typehash={type_hash};'.encode()))
    return Qos(*policies)


def from_dds(qos: Qos) -> QoSProfile:
    """Return the profile of a discovered endpoint."""
    reliable = qos[Policy.Reliability] not in (None, Policy.Reliability.BestEffort)
    durable = qos[Policy.Durability] not in (None, Policy.Durability.Volatile)
    liveliness, lease_ns = qos[Policy.Liveliness], INFINITE_NS
    if liveliness is not None:
        lease_ns = liveliness.lease_duration
    history = qos[Policy.History]
    keeps_last = isinstance(history, Policy.History.KeepLast)
    manual = isinstance(liveliness, Policy.Liveliness.ManualByTopic)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST if keeps_last else HistoryPolicy.UNKNOWN,
        depth=history.depth if keeps_last else 0,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if durable else DurabilityPolicy.VOLATILE,
        lifespan=_duration(qos[Policy.Lifespan], 'lifespan'),
        deadline=_duration(qos[Policy.Deadline], 'deadline'),
        liveliness=LivelinessPolicy.MANUAL_BY_TOPIC if manual else LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=Duration(nanoseconds=lease_ns),
    )


def _duration(policy: Any, attribute: str) -> Duration:
    return Infinite if policy is None else Duration(nanoseconds=getattr(policy, attribute))
