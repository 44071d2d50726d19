"""Check of full topic and service names."""

from __future__ import annotations

from rclpy._names import check_full_name
from rclpy.exceptions import InvalidServiceNameException, InvalidTopicNameException


def validate_full_topic_name(name: str, *, is_service: bool = False) -> bool:
    """Return True; raise a NameValidationException for an invalid name."""
    check_full_name(name, InvalidServiceNameException if is_service else InvalidTopicNameException)
    return True
