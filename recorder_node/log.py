"""What the ROS-free parts need of a log; a ROS logger fits."""

from __future__ import annotations

from typing import Protocol


class Log(Protocol):
    """Where events go, in words."""

    def info(self, message: str) -> object:
        """Tell what happened."""

    def warning(self, message: str) -> object:
        """Tell what the operator should look at."""

    def error(self, message: str) -> object:
        """Tell what went wrong."""
