"""QoS options, and the choice of a QoS that fits the publishers of a topic."""

from __future__ import annotations

import argparse
from typing import Any

from ros2cli.graph import wait_for

_POLICIES = ('reliability', 'durability', 'history')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the QoS options."""
    from rclpy import qos

    parser.add_argument(
        '--qos-profile', choices=qos.QoSPresetProfiles.short_keys(), help='preset to start from'
    )
    parser.add_argument('--qos-depth', type=int, metavar='N', help='queue size')
    for name in _POLICIES:
        kinds = getattr(qos, f'{name.capitalize()}Policy').short_keys()
        parser.add_argument(f'--qos-{name}', choices=kinds, help=f'{name} policy')


def is_given(options: argparse.Namespace) -> bool:
    """Whether any QoS option was given."""
    return any(
        getattr(options, f'qos_{name}') is not None for name in ('profile', 'depth', *_POLICIES)
    )


def from_options(options: argparse.Namespace, base: Any) -> Any:
    """Return the QoS of the options on top of a preset."""
    from rclpy import qos

    profile = base
    if options.qos_profile:
        profile = qos.QoSPresetProfiles.get_from_short_key(options.qos_profile)
    values = {name: getattr(profile, name) for name in ('depth', 'history', *_POLICIES)}
    if options.qos_depth is not None:
        values['depth'] = options.qos_depth
    for name in _POLICIES:
        chosen = getattr(options, f'qos_{name}')
        if chosen is not None:
            values[name] = getattr(qos, f'{name.capitalize()}Policy')[chosen.upper()]
    return qos.QoSProfile(**values)


def matching(node: Any, topic: str, options: argparse.Namespace) -> Any:
    """Return the QoS for a subscription: reliable and durable when all publishers are."""
    from rclpy.qos import (
        DurabilityPolicy,
        QoSProfile,
        ReliabilityPolicy,
        qos_profile_sensor_data,
    )

    if is_given(options):
        return from_options(options, qos_profile_sensor_data)
    offers = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    reliable = bool(offers) and all(
        offer.reliability is ReliabilityPolicy.RELIABLE for offer in offers
    )
    durable = bool(offers) and all(
        offer.durability is DurabilityPolicy.TRANSIENT_LOCAL for offer in offers
    )
    return QoSProfile(
        depth=10,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if durable else DurabilityPolicy.VOLATILE,
    )


def topic_class(node: Any, topic: str, type_name: str | None, wait_s: float | None) -> Any:
    """Return the message class of a topic, waiting for its publishers if no type was given.

    Raises:
        RuntimeError: The topic is unknown or its type is.
    """
    from rosidl_runtime_py.utilities import get_message

    if type_name is None:
        name = node.resolve_topic_name(topic)
        limit_s = float('inf') if wait_s is None else wait_s
        found = wait_for(lambda: dict(node.get_topic_names_and_types()).get(name), limit_s)
        if not found:
            raise RuntimeError(
                f'WARNING: topic [{topic}] does not appear to be published yet\n'
                'Could not determine the type for the passed topic'
            )
        if len(found) > 1:
            raise RuntimeError(
                f"Cannot echo topic '{topic}', as it contains more than one type: "
                f'[{", ".join(found)}]'
            )
        type_name = found[0]
    try:
        return get_message(type_name)
    except (ModuleNotFoundError, ValueError):
        raise RuntimeError(f"The message type '{type_name}' is invalid") from None
