"""Pictures as sensors give them: a textured scene that moves, with noise in every pixel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

_SIGMA = 4.0


def frames(count: int, height: int = 480, width: int = 640, seed: int = 0) -> Iterator[NDArray]:
    """Yield `(height, width, 3)` RGB frames; the same for the same seed."""
    random = np.random.default_rng(seed)
    texture = np.zeros((height + 256, width + 256, 3), np.float32)
    for cell, strength in ((128, 60.0), (32, 30.0), (8, 12.0)):
        coarse = random.normal(
            0, strength, (texture.shape[0] // cell + 1, texture.shape[1] // cell + 1, 3)
        )
        texture += cv2.resize(coarse.astype(np.float32), texture.shape[1::-1])
    for number in range(count):
        x, y = (int(128 + 100 * np.sin(number / period)) for period in (40, 55))
        scene = texture[y : y + height, x : x + width] + 128
        noisy = scene + random.normal(0, _SIGMA, scene.shape).astype(np.float32)
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def write_video(path: Path, count: int, fps: int = 30, seed: int = 0) -> None:
    """Write them as a video that keeps the noise."""
    with av.open(str(path), 'w') as container:
        options = {'crf': '10', 'preset': 'ultrafast', 'tune': 'fastdecode'}
        stream = container.add_stream('libx264', rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = 640, 480, 'yuv420p'
        for frame in frames(count, seed=seed):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode(None))
