"""Check of node names."""

from __future__ import annotations

from rclpy._names import check_node_name


def validate_node_name(node_name: str) -> bool:
    """Return True; raise InvalidNodeNameException for an invalid name."""
    check_node_name(node_name)
    return True
