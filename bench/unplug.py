"""Unplugs the arm and a camera of a session while it records an episode, and plugs them in again.

`python -m bench.unplug --times 50 [--json]`

Prints how long each took to be back after it was plugged in, and what the episode's report tells.
The session is simulated: pseudo-terminals that vanish for the arm, a source that fails for the
camera.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from recorder_node.dataset.check import Checker
from tests.conftest import wait_until
from tests.launch.listening import ARM, Listener
from tests.launch.session import launched

CAMERA = 'front'
_OFF_S = 0.4


def measure(times: int, folder: Path) -> dict[str, Any]:
    """Interrupt both, in turn, as often as asked."""
    back_s: dict[str, list[float]] = {ARM: [], CAMERA: []}
    with (
        launched(folder, cameras=CAMERA, episode_time_s=900, max_gap_s=30) as session,
        Listener(session.domain, (CAMERA,)) as listener,
    ):
        takes = session.root.with_name('ds.recording')
        wait_until(lambda: list(takes.glob('take-*')), 60.0, 'a take')
        listener.moving()
        for _ in range(times):
            back_s[ARM].append(listener.interrupt(ARM, _OFF_S, kind='unplug'))
            fault = {'kind': 'camera_unplug', 'camera': CAMERA}
            back_s[CAMERA].append(listener.interrupt(CAMERA, _OFF_S, **fault))
        session.call('save_episode')
        session.wait()
        (report,) = map(json.loads, (session.root / 'recorder/episodes.jsonl').open())
        return {
            'times': times,
            **{
                f'{part}_back_s': {
                    'median': round(statistics.median(found), 3),
                    'worst': round(max(found), 3),
                }
                for part, found in back_s.items()
            },
            'rows': report['rows'],
            'stale_rows': {key: stream['stale'] for key, stream in report['streams'].items()},
            'problems': Checker(session.root).run(),
        }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--times', type=int, default=50)
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options.times, Path(folder))
    if options.json:
        print(json.dumps(result))
    else:
        print('\n'.join(f'{key:14} {value}' for key, value in result.items()))
    return 1 if result['problems'] else 0


if __name__ == '__main__':
    raise SystemExit(main())
