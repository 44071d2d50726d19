"""Cost of a save as the dataset grows: many short episodes, one after the other.

`python -m bench.save --episodes 1000 [--version v2.1] [--json]`
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from recorder_node.dataset import layout
from recorder_node.dataset.consolidate import consolidate
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.writer import DatasetWriter, describe
from tests.conftest import small_contract
from tests.small_datasets import sealed

WINDOW = 20


def measure(episodes: int, rows: int, version: str, folder: Path) -> dict[str, object]:
    """Record the episodes and return what a save cost at the beginning and at the end."""
    contract = small_contract(cameras=2)
    writer = DatasetWriter(folder / 'ds', describe(contract, 30, version), resume=False)
    saves_s = []
    for _ in range(episodes):
        take = sealed(folder, contract, rows)
        begin_s = time.perf_counter()
        writer.publish(take, {'rows': rows})
        saves_s.append(time.perf_counter() - begin_s)
    begin_s = time.perf_counter()
    joined = consolidate(writer.root)
    joining_s = time.perf_counter() - begin_s
    begin_s = time.perf_counter()
    count = len(Dataset(writer.root).episodes)
    first, last = (statistics.median(part) for part in (saves_s[:WINDOW], saves_s[-WINDOW:]))
    return {
        'version': version,
        'episodes': count,
        'rows_per_episode': rows,
        'save_ms_first': round(first * 1e3, 1),
        'save_ms_last': round(last * 1e3, 1),
        'ratio': round(last / first, 3),
        'save_ms_max': round(max(saves_s) * 1e3, 1),
        'video_files': joined,
        'joining_s': round(joining_s, 2),
        'opening_s': round(time.perf_counter() - begin_s, 3),
        'data_files': len(list((writer.root / 'data').rglob('*.parquet'))),
    }


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--episodes', type=int, default=1000)
    parser.add_argument('--rows', type=int, default=15)
    parser.add_argument('--version', choices=layout.VERSIONS, default=layout.V30)
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options.episodes, options.rows, options.version, Path(folder))
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f'{name:20} {value}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
