"""Which ROS 2 these tests run on: the embedded runtime, or a genuine one that is sourced.

Everything holds on both, but for what `embedded_only` marks.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

_rclpy = importlib.util.find_spec('rclpy')
EMBEDDED = _rclpy is not None and Path(str(_rclpy.origin)).with_name('_participant.py').exists()
HUMBLE = os.environ.get('ROS_DISTRO') == 'humble'
ROS2 = [sys.executable, '-m', 'ros2cli.main'] if EMBEDDED else ['ros2']
# std_msgs/msg/String and its hash, which every distribution since Iron announces.
STRING_HASH = 'RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18'


def embedded_only(reason: str) -> pytest.MarkDecorator:
    """Mark what exists, or is promised, only in the embedded runtime."""
    return pytest.mark.skipif(not EMBEDDED, reason=f'embedded runtime only: {reason}')
