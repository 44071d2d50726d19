"""Runs in an environment with the real lerobot: loads a dataset whole, or records into it.

`python referee.py load ROOT` indexes and decodes every row and draws one batch as training does;
`python referee.py resume ROOT ROWS` records one more episode of made-up values. Prints JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

os.environ.update(
    HF_HUB_OFFLINE='1', HF_DATASETS_OFFLINE='1', HF_HUB_DISABLE_PROGRESS_BARS='1',
    TOKENIZERS_PARALLELISM='false',
)  # fmt: skip
os.environ.setdefault('HF_DATASETS_CACHE', tempfile.mkdtemp(prefix='referee-'))

import lerobot
import numpy as np
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset

REPO_ID = 'local/dataset'
INDEX = ('timestamp', 'frame_index', 'episode_index', 'index', 'task_index')


def load(root: str) -> dict:
    """Walk every row of every episode, then one batch with chunks and past frames."""
    dataset = LeRobotDataset(REPO_ID, root=root, video_backend='pyav')
    meta, fps = dataset.meta, dataset.fps
    rows = 0
    for index in range(len(dataset)):
        item = dataset[index]
        assert int(item['index']) == index, f'row {index} is {int(item["index"])}'
        rows += 1
    assert rows == meta.total_frames, f'{rows} rows, info.json says {meta.total_frames}'
    delta = {key: [-1 / fps, 0.0] for key in meta.camera_keys}
    if 'action' in meta.features:
        delta['action'] = [step / fps for step in range(5)]
    chunks = LeRobotDataset(REPO_ID, root=root, video_backend='pyav', delta_timestamps=delta)
    batch = next(iter(torch.utils.data.DataLoader(chunks, batch_size=4, shuffle=True)))
    return {
        'lerobot': lerobot.__version__,
        'rows': rows,
        'episodes': meta.total_episodes,
        'batch': {key: list(batch[key].shape) for key in delta},
        'stats': sorted(meta.stats),
    }


def resume(root: str, rows: int) -> dict:
    """Record one more episode as lerobot-record does when it resumes."""
    if hasattr(LeRobotDataset, 'resume'):
        dataset = LeRobotDataset.resume(REPO_ID, root=root)
    else:
        dataset = LeRobotDataset(REPO_ID, root=root, video_backend='pyav')
    if dataset.meta.video_keys and hasattr(dataset, 'start_image_writer'):
        dataset.start_image_writer(num_threads=2)
    random = np.random.default_rng(0)
    for _ in range(rows):
        frame = {}
        for name, feature in dataset.features.items():
            if name in INDEX:
                continue
            shape = tuple(feature['shape'])
            if feature['dtype'] in ('video', 'image'):
                frame[name] = random.integers(0, 255, shape, np.uint8)
            elif feature['dtype'] == 'string':
                frame[name] = 'text'
            else:
                frame[name] = (random.random(shape) * 2).astype(feature['dtype'])
        if hasattr(dataset.meta, 'episodes_stats'):
            dataset.add_frame(frame, task='by lerobot')
        else:
            dataset.add_frame({**frame, 'task': 'by lerobot'})
    dataset.save_episode()
    if hasattr(dataset, 'finalize'):
        dataset.finalize()
    if hasattr(dataset, 'stop_image_writer'):
        dataset.stop_image_writer()
    return {'lerobot': lerobot.__version__, 'episodes': dataset.meta.total_episodes}


if __name__ == '__main__':
    result = load(sys.argv[2]) if sys.argv[1] == 'load' else resume(sys.argv[2], int(sys.argv[3]))
    print(json.dumps(result))
    sys.stdout.flush()
    os._exit(0)
