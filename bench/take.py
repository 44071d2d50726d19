"""Cost of storing pictures: `python -m bench.take [--json] [--cameras N] [--seconds S]`.

Records a take of noisy 640x480 pictures as fast as the encoders go, as video, as image files and
as depth: processor time and bytes per frame, memory gained over the take, time to seal it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from recorder_node.contract.contract import Contract
from recorder_node.contract.contract_file import parse
from recorder_node.encoding.codec_choice import choose_codec, noisy_frames, sizes_of
from recorder_node.episode.take import Take
from recorder_node.streams.buffer import Pick, Sample
from recorder_node.streams.pictures import Picture
from recorder_node.streams.sampler import Row, stream_keys

HEIGHT, WIDTH, FPS = 480, 640, 30
_MB = 1e6
_WARM_UP_ROWS = 60
_PAGE = os.sysconf('SC_PAGE_SIZE')


def main() -> int:
    """Measure every way to store pictures and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--json', action='store_true', help='print JSON')
    parser.add_argument('--cameras', type=int, default=2)
    parser.add_argument('--seconds', type=float, default=20.0, help='length of each take')
    options = parser.parse_args()
    rows = round(options.seconds * FPS)
    results = {
        f'{"depth" if depth else "colour"}.{"video" if video else "images"}': _measure(
            _contract(options.cameras, depth, video), rows
        )
        for depth in (False, True)
        for video in (True, False)
    }
    if options.json:
        print(json.dumps(results, indent=2))
        return 0
    names = list(next(iter(results.values())))
    print(' ' * 16 + ''.join(f'{name:>20}' for name in names))
    for kind, values in results.items():
        print(f'{kind:16}' + ''.join(f'{values[name]:>20.2f}' for name in names))
    return 0


def _contract(cameras: int, depth: bool, video: bool) -> Contract:
    features: dict[str, object] = {
        f'observation.images.cam{number}': {
            'topic': f'/cam{number}',
            'type': 'sensor_msgs/msg/Image',
            'shape': [HEIGHT, WIDTH, 1 if depth else 3],
        }
        for number in range(cameras)
    }
    features['action'] = {
        'topic': '/action',
        'type': 'std_msgs/msg/Float64MultiArray',
        'names': [f'joint{number}' for number in range(6)],
    }
    contract = parse({'version': 1, 'robot_type': 'bench', 'features': features})
    return contract if video else contract.stored_as_images()


def _measure(contract: Contract, rows: int) -> dict[str, float]:
    codec = choose_codec('auto', sizes_of(contract) or [(HEIGHT, WIDTH)], FPS).codec
    pictures = _pictures(contract)
    with tempfile.TemporaryDirectory() as folder:
        take = Take(Path(folder) / 'take', contract, FPS, 0, codec)
        begin_mb = begin_s = 0.0
        for k in range(_WARM_UP_ROWS + rows):
            if k == _WARM_UP_ROWS:
                begin_mb, begin_s = _memory_mb(), _cpu_s()
            take.add(_row(contract, k, pictures[k % len(pictures)]), 'bench')
            while take.waiting_frames > len(contract.cameras) * 4:
                time.sleep(0.0005)
        grown_mb, cpu_s = _memory_mb() - begin_mb, _cpu_s() - begin_s
        started_s = time.monotonic()
        sealed = take.seal()
        seal_s = time.monotonic() - started_s
        stored = sum(path.stat().st_size for path in sealed.folder.glob('*.images'))
        stored += sum(path.stat().st_size for path in sealed.videos.values())
    frames = rows * len(contract.cameras)
    return {
        'cpu_ms_per_frame': cpu_s * 1000 / frames,
        'kb_per_frame': stored / 1000 / (frames + _WARM_UP_ROWS * len(contract.cameras)),
        'memory_grown_mb': grown_mb,
        'seal_s': seal_s,
    }


def _pictures(contract: Contract) -> list[Picture]:
    frames = noisy_frames((HEIGHT, WIDTH), 16)
    if contract.cameras[0].depth is None:
        return [Picture(HEIGHT, WIDTH, 'rgb8', WIDTH * 3, f.tobytes()) for f in frames]
    depths = [(f[..., 0].astype(np.uint16) * 8 + 300).astype('<u2') for f in frames]
    return [Picture(HEIGHT, WIDTH, '16UC1', WIDTH * 2, d.tobytes()) for d in depths]


def _row(contract: Contract, k: int, picture: Picture) -> Row:
    action = np.sin(k / 30 + np.arange(6.0))
    keys = [key for feature in contract.features for key in stream_keys(feature)]
    picks = {key: Pick(Sample(k, k, '', action), 0) for key in keys}
    pictures = {feature.name: picture for feature in contract.cameras}
    return Row(k, k, {'action': action.astype(np.float32)}, pictures, {}, picks)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _memory_mb() -> float:
    pages = Path('/proc/self/statm').read_text().split()[1]
    return int(pages) * _PAGE / _MB


if __name__ == '__main__':
    raise SystemExit(main())
