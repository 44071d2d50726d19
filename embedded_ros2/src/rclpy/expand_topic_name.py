"""Expansion of relative and private names."""

from __future__ import annotations

from rclpy._names import expand


def expand_topic_name(topic_name: str, node_name: str, node_namespace: str) -> str:
    """Return the full name of a topic as a node sees it."""
    return expand(topic_name, node_name, node_namespace)
