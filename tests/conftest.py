"""Shared by all tests: a ROS domain of their own, made-up streams, small pictures."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from recorder_node.contract.contract import Contract
from recorder_node.contract.contract_file import parse
from recorder_node.streams.buffer import Sample, StreamBuffer
from recorder_node.streams.messages import NS
from recorder_node.streams.pictures import Picture
from recorder_node.streams.sampler import make_buffers

# Before anything imports rclpy; scripts/test sets it too, so that child processes agree.
os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))

# A script's background jobs begin with SIGINT ignored, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no reason to fail.
settings.register_profile('busy', deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('busy')

REPOSITORY = Path(__file__).resolve().parents[1]
T0_NS = 1_700_000_000 * NS
JOINTS = ('shoulder_pan', 'shoulder_lift', 'elbow_flex', 'wrist_flex', 'wrist_roll', 'gripper')


class FakeClock:
    """Time that moves only when told to. Threads may read it: every change is one assignment."""

    def __init__(self, now_ns: int = T0_NS, simulated: bool = False) -> None:
        self.simulated = simulated
        self._passed_ns = 0
        # ROS time is this, since steady time was that, at this rate.
        self._line = (now_ns, 0, 1.0)

    def advance(self, ns: int) -> None:
        """Let time pass on both clocks."""
        self._passed_ns += ns

    def set(self, ros_ns: int | None = None, rate: float = 1.0) -> None:
        """Set ROS time, or only its rate: simulated time may be slow (below 1) or paused (0)."""
        now_ns = self.now_ns() if ros_ns is None else ros_ns
        self._line = (now_ns, self._passed_ns, rate)

    def now_ns(self) -> int:
        """ROS time."""
        ros_ns, since_ns, rate = self._line
        return ros_ns + int((self._passed_ns - since_ns) * rate)

    def steady_ns(self) -> int:
        """Steady time."""
        return self._passed_ns


def wait_until(condition: Callable[[], object], timeout_s: float = 30.0, what: str = '') -> None:
    """Wait for a condition; fail with `what` when it does not come."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f'waited {timeout_s:g} s in vain for {what or condition}'
        time.sleep(0.01)


def small_contract(cameras: int = 1, height: int = 48, width: int = 64) -> Contract:
    """Return a contract with action, state and small cameras."""
    joints = {'type': 'sensor_msgs/msg/JointState', 'joints': list(JOINTS)}
    features: dict[str, object] = {
        'action': {'topic': '/applied', 'align': 'next', **joints},
        'observation.state': {'topic': '/joints', **joints},
    }
    for number in range(cameras):
        features[f'observation.images.cam{number}'] = {
            'topic': f'/cam{number}/image_raw',
            'type': 'sensor_msgs/msg/Image',
            'shape': [height, width, 3],
            'rate_hz': 30,
        }
    return parse({'version': 1, 'robot_type': 'so_follower', 'features': features})


def picture(number: int, height: int = 48, width: int = 64) -> Picture:
    """Return a picture that differs for every number."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 0] = np.linspace(0, 255, width, dtype=np.uint8)
    image[: height // 2, :, 1] = (number * 37) % 256
    image[:, : width // 2, 2] = (number * 11) % 256
    return Picture(height, width, 'rgb8', width * 3, image.tobytes())


def fill(buffers: dict[str, StreamBuffer], rows: int, fps: int = 30, t0_ns: int = T0_NS) -> None:
    """Push one sample per stream and row, and a few around."""
    for k in range(-3, rows + 4):
        t_ns = t0_ns + k * NS // fps
        for key, buffer in buffers.items():
            if 'images' in key:
                buffer.push(Sample(t_ns - 2_000_000, t_ns, 'cam', picture(k + 3)))
            else:
                vector = np.sin(k / 10 + np.arange(6.0))
                late = 1_000_000 if key == 'action' else -1_000_000
                buffer.push(Sample(t_ns + late, t_ns + 2_000_000, 'command', vector))


@pytest.fixture
def contract() -> Contract:
    """A small contract with one camera."""
    return small_contract()


@pytest.fixture
def buffers(contract: Contract) -> dict[str, StreamBuffer]:
    """Buffers that keep everything a test pushes."""
    return make_buffers(contract, 1000.0)
