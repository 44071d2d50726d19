"""Check of namespaces."""

from __future__ import annotations

from rclpy._names import check_full_name
from rclpy.exceptions import InvalidNamespaceException


def validate_namespace(namespace: str) -> bool:
    """Return True; raise InvalidNamespaceException for an invalid namespace."""
    if namespace != '/':
        check_full_name(namespace, InvalidNamespaceException)
    return True
