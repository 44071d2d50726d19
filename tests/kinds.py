"""A contract with a feature of every kind, its streams, and takes recorded from them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from recorder_node.contract.contract import Contract
from recorder_node.contract.contract_file import parse
from recorder_node.encoding.video import CODECS
from recorder_node.episode.take import Take
from recorder_node.streams.buffer import Sample, StreamBuffer
from recorder_node.streams.messages import NS
from recorder_node.streams.pictures import Picture
from recorder_node.streams.sampler import Sampler, make_buffers
from tests.conftest import T0_NS, picture, wait_until

HEIGHT, WIDTH = 48, 64
COLOUR = 'observation.images.{odd} name % "ü"'
DEPTH = 'observation.images.depth'
TEXT = 'phase of the robot'
MATRIX = 'observation.forces'
COUNTS = 'counts'
FEATURES: dict[str, object] = {
    'action': {
        'topic': '/a', 'type': 'std_msgs/msg/Float64MultiArray', 'names': ['x', 'y'],
    },
    MATRIX: {
        'topic': '/f', 'type': 'std_msgs/msg/Float32MultiArray', 'shape': [2, 3],
        'dtype': 'float64',
    },
    COUNTS: {'topic': '/n', 'type': 'std_msgs/msg/UInt64MultiArray', 'width': 2},
    'flag': {'topic': '/b', 'type': 'std_msgs/msg/Bool'},
    TEXT: {'topic': '/s', 'type': 'std_msgs/msg/String'},
    COLOUR: {
        'topic': '/c', 'type': 'sensor_msgs/msg/Image', 'shape': [HEIGHT, WIDTH, 3],
    },
    DEPTH: {
        'topic': '/d', 'type': 'sensor_msgs/msg/Image', 'shape': [HEIGHT, WIDTH, 1],
    },
    'next.done': {'session': 'done'},
    'next.success': {'session': 'success'},
    'next.reward': {'session': 'reward'},
    'is_intervention': {'session': 'intervention'},
}  # fmt: skip


def kinds_contract(video: bool = True) -> Contract:
    """Return the contract; pictures as video or as images."""
    contract = parse({'version': 1, 'robot_type': 'x', 'features': FEATURES})
    return contract if video else contract.stored_as_images()


def text_of(k: int) -> str:
    """Return the text of row k; it changes every fourth row and comes back."""
    return ('reach', 'grasp "it"\n', 'lift ü\u2028')[k // 4 % 3]


def depth_mm(k: int) -> np.ndarray:
    """Return the depth picture of row k; a corner was not measured."""
    depth = np.fromfunction(lambda y, x: 300 + 10 * x + 7 * y + 5 * k, (HEIGHT, WIDTH))
    depth[:4, :4] = 0
    return depth.astype('<u2')


def value_of(name: str, k: int) -> object:
    """Return what the stream of a feature says at row k."""
    if name == COLOUR:
        return picture(k)
    if name == DEPTH:
        return Picture(HEIGHT, WIDTH, '16UC1', WIDTH * 2, depth_mm(k).tobytes())
    if name == TEXT:
        return text_of(k)
    if name == MATRIX:
        return np.arange(6.0) + k
    if name == COUNTS:
        return np.array([k, 2**63 - 1 - k], np.uint64)
    if name == 'flag':
        return np.array([k % 2 == 0])
    return np.array([np.sin(k / 7), np.cos(k / 7)])


def fill_kinds(buffers: dict[str, StreamBuffer], rows: int, fps: int = 30) -> None:
    """Push one sample per stream and row."""
    for k in range(rows):
        t_ns = T0_NS + k * NS // fps
        for name, buffer in buffers.items():
            buffer.push(Sample(t_ns, t_ns + 1_000_000, '', value_of(name, k)))  # type: ignore[arg-type]


def live_take(
    folder: Path,
    contract: Contract,
    rows: int,
    task: Callable[[int], str] = lambda k: 'pick',
    codec: str = 'h264',
) -> Take:
    """Return a take that holds so many rows and goes on."""
    buffers = make_buffers(contract, 1000.0)
    fill_kinds(buffers, rows)
    take = Take(folder, contract, 30, T0_NS, CODECS[codec])
    sampler = Sampler(contract, buffers, 30)
    for k in range(rows):
        take.add(sampler.row(T0_NS, k), task(k))
    return take


def cut_copy(take: Take, target: Path) -> Path:
    """Copy the folder as a crash would leave it once all frames are stored, and end the take."""
    wait_until(lambda: not take.waiting_frames, what='the encoders')
    take.sync()
    shutil.copytree(take.folder, target)
    take.remove()
    return target
