"""Kills recording sessions at random moments and counts what comes back.

`python -m bench.crash --kills 200 [--json]`
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.killing import check, kill_once, moments

# So many kills hit one dataset; a fresh one keeps the checks short.
KILLS_PER_DATASET = 10


def main() -> int:
    """Run the benchmark; a loss ends it with an assertion that names it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--kills', type=int, default=200)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args()
    times = moments(options.kills, options.seed)
    episodes = rows = running = 0
    for first in range(0, options.kills, KILLS_PER_DATASET):
        with tempfile.TemporaryDirectory() as folder:
            lengths: list[int] = []
            for after_s in times[first : first + KILLS_PER_DATASET]:
                killed = kill_once(Path(folder), after_s)
                running += bool(killed.rows)
                lengths = check(Path(folder), killed, lengths)
            episodes += len(lengths)
            rows += sum(lengths)
    result = {
        'kills': options.kills,
        'in_the_middle_of_a_take': running,
        'episodes_intact': episodes,
        'rows_intact': rows,
        'lost': 0,
    }
    print(
        json.dumps(result) if options.json else '\n'.join(f'{k:24} {v}' for k, v in result.items())
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
