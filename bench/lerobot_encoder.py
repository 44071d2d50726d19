"""Runs where lerobot 0.4.4 or later is: what its streaming encoder alone costs.

`PYTHON bench/lerobot_encoder.py VIDEO CAMERAS SECONDS VCODEC` records a video's frames at 30 Hz,
without robot and without transport, and prints JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE='1', SVT_LOG='1')

import av
import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

FPS = 30


def cpu_s() -> float:
    """Return the CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(video: str, cameras: int, seconds: float, vcodec: str) -> dict[str, object]:
    """Record one episode and measure."""
    with av.open(video) as container:
        frames = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
    names = [f'observation.images.cam{number}' for number in range(cameras)]
    picture = {
        'dtype': 'video', 'shape': frames[0].shape, 'names': ['height', 'width', 'channels'],
    }  # fmt: skip
    joints = {'dtype': 'float32', 'shape': (6,), 'names': [f'j{number}.pos' for number in range(6)]}
    features = {'action': joints, 'observation.state': joints, **dict.fromkeys(names, picture)}
    with tempfile.TemporaryDirectory() as folder:
        dataset = LeRobotDataset.create(
            'bench/lerobot', FPS, features, root=Path(folder) / 'ds', vcodec=vcodec,
            streaming_encoding=True,
        )  # fmt: skip
        values = np.zeros(6, np.float32)
        begin_s, begin_cpu_s = time.perf_counter(), cpu_s()
        for number in range(round(seconds * FPS)):
            frame = frames[number % len(frames)]
            entry = dict.fromkeys(names, frame)
            dataset.add_frame(
                {'action': values, 'observation.state': values, 'task': 'bench', **entry}
            )
            time.sleep(max(0.0, begin_s + (number + 1) / FPS - time.perf_counter()))
        save_s = time.perf_counter()
        dataset.save_episode()
        saved_s = time.perf_counter()
        result = {
            'vcodec': vcodec,
            'cpu_s_per_s': round((cpu_s() - begin_cpu_s) / seconds, 3),
            'save_s': round(saved_s - save_s, 3),
        }
        dataset.finalize()
    return result


if __name__ == '__main__':
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])))
