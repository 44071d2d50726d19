"""Messages of five streams, one in so many bad in every way there is, and how often each was."""

from __future__ import annotations

import random
from array import array
from collections import Counter
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float64MultiArray, String

from recorder_node.streams.messages import MAX_TEXT_BYTES, NS

HEIGHT, WIDTH = 32, 32
HOUR_NS = 3600 * NS
CONTRACT = {
    'version': 1,
    'robot_type': 'lab_arm',
    'features': {
        'action': {
            'topic': '/spoilt/commands',
            'type': 'std_msgs/msg/Float64MultiArray',
            'names': ['a', 'b'],
            'align': 'next',
        },
        'observation.state': {
            'topic': '/spoilt/joint_states',
            'type': 'sensor_msgs/msg/JointState',
            'joints': ['a', 'b'],
        },
        'observation.images.raw': {
            'topic': '/spoilt/raw',
            'type': 'sensor_msgs/msg/Image',
            'shape': [HEIGHT, WIDTH, 3],
            'max_age_s': 0.5,
        },
        'observation.images.jpeg': {
            'topic': '/spoilt/jpeg',
            'type': 'sensor_msgs/msg/CompressedImage',
            'shape': [HEIGHT, WIDTH, 3],
            'max_age_s': 0.5,
        },
        'phase': {'topic': '/spoilt/phase', 'type': 'std_msgs/msg/String'},
    },
}


def stamped(message: Any, stamp_ns: int) -> Any:
    """Set a message's stamp."""
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, NS)
    return message


def joints(now_ns: int, **values: float) -> JointState:
    """Return joints in radians."""
    return stamped(JointState(name=list(values), position=list(values.values())), now_ns)


def raw(now_ns: int, width: int = WIDTH, encoding: str = 'rgb8', step: int = WIDTH * 3) -> Image:
    """Return a picture that moves."""
    data = array('B', bytes([now_ns // 10**7 % 256]) * (HEIGHT * WIDTH * 3))
    image = Image(height=HEIGHT, width=width, encoding=encoding, step=step, data=data)
    return stamped(image, now_ns)


def coded(now_ns: int, data: bytes, format_name: str = 'jpeg') -> CompressedImage:
    """Return a coded picture."""
    return stamped(CompressedImage(format=format_name, data=array('B', data)), now_ns)


def _jpeg(height: int, width: int) -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    return bytes(cv2.imencode('.jpg', noise)[1])


_JPEG, _OTHER_JPEG = _jpeg(HEIGHT, WIDTH), _jpeg(16, 48)

Maker = Callable[[int], Any]
GOOD: dict[str, Maker] = {
    'action': lambda now_ns: Float64MultiArray(data=[now_ns % NS / NS, 1.0]),
    'observation.state': lambda now_ns: joints(now_ns, a=now_ns % NS / NS, b=1.0, c=2.0),
    'observation.images.raw': raw,
    'observation.images.jpeg': lambda now_ns: coded(now_ns, _JPEG),
    'phase': lambda now_ns: String(data=f'phase {now_ns // NS}'),
}


def _of_stamps(key: str) -> list[tuple[str, Maker]]:
    good = GOOD[key]
    return [
        ('malformed', lambda now_ns: stamped(good(now_ns), 0)),
        ('ahead', lambda now_ns: stamped(good(now_ns), now_ns + HOUR_NS)),
        ('behind', lambda now_ns: stamped(good(now_ns), now_ns - HOUR_NS)),
    ]


# By stream: the counter that each kind belongs to, and how one is made.
BAD: dict[str, list[tuple[str, Maker]]] = {
    'action': [
        ('malformed', lambda _: Float64MultiArray()),
        ('malformed', lambda _: Float64MultiArray(data=[float('nan'), 1.0])),
        ('malformed', lambda _: Float64MultiArray(data=[1.0, 2.0, 3.0])),
    ],
    'observation.state': [
        ('malformed', lambda now_ns: joints(now_ns)),
        ('malformed', lambda now_ns: joints(now_ns, a=1.0, c=2.0)),
        ('malformed', lambda now_ns: joints(now_ns, a=float('inf'), b=2.0)),
        ('malformed', lambda now_ns: stamped(JointState(name=['a', 'b']), now_ns)),
        (
            'malformed',
            lambda now_ns: stamped(
                JointState(name=['a', 'b', 'a'], position=[1.0, 2.0, 3.0]), now_ns
            ),
        ),
        ('foreign', lambda now_ns: joints(now_ns, grip=1.0)),
        *_of_stamps('observation.state'),
    ],
    'observation.images.raw': [
        ('malformed', lambda now_ns: raw(now_ns, width=WIDTH // 2)),
        ('malformed', lambda now_ns: raw(now_ns, encoding='bayer_unheard_of')),
        ('malformed', lambda now_ns: raw(now_ns, step=0)),
        ('malformed', lambda now_ns: raw(now_ns, step=WIDTH * 4)),
        *_of_stamps('observation.images.raw'),
    ],
    'observation.images.jpeg': [
        ('malformed', lambda now_ns: coded(now_ns, b'')),
        ('malformed', lambda now_ns: coded(now_ns, _JPEG[:-2])),
        ('malformed', lambda now_ns: coded(now_ns, _JPEG[: len(_JPEG) // 2])),
        ('malformed', lambda now_ns: coded(now_ns, _OTHER_JPEG)),
        ('malformed', lambda now_ns: coded(now_ns, bytes(500), 'h264')),
        *_of_stamps('observation.images.jpeg'),
    ],
    'phase': [('malformed', lambda _: String(data='x' * (MAX_TEXT_BYTES + 1)))],
}


class Publishers:
    """Makes messages; each kind of bad one has the same share.

    Args:
        share: of every kind, in each stream.
        seed: of the choice.
    """

    def __init__(self, share: float, seed: int) -> None:
        self._share = share
        self._random = random.Random(seed)
        self.sent: dict[str, Counter[str]] = {key: Counter() for key in GOOD}

    def messages(self, key: str, now_ns: int) -> list[Any]:
        """Return what comes next on a stream's topic, and count it.

        Another publisher's message comes beside one of the stream's, all others in its place. The
        first is good: there must be one before a stamp can be called old.
        """
        choice = int(self._random.random() / self._share) if self.sent[key] else len(BAD[key])
        kind, make = BAD[key][choice] if choice < len(BAD[key]) else ('received', GOOD[key])
        self.sent[key][kind] += 1
        if kind != 'foreign':
            return [make(now_ns)]
        self.sent[key]['received'] += 1
        return [make(now_ns), GOOD[key](now_ns)]
