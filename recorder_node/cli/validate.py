"""`ros2 run recorder validate ROOT [--json]`: check a dataset without lerobot."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from recorder_node.dataset import layout
from recorder_node.dataset.check import Checker


def main(args: list[str] | None = None) -> int:
    """Check a dataset; return 0 when it is sound, 1 with every problem listed."""
    parser = argparse.ArgumentParser(
        prog='validate',
        description='Check a LeRobot dataset of format v3.0 or v2.1: counts, columns, time stamps, '
        'every video decodes to exactly its rows, statistics.',
    )
    parser.add_argument('root', type=Path, help='folder of the dataset')
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    options = parser.parse_args(args)
    if not options.root.expanduser().is_dir():
        print(f'{options.root} is no folder', file=sys.stderr)
        return 1
    checker = Checker(layout.resolved(options.root))
    problems = checker.run()
    if options.json:
        print(
            json.dumps(
                {
                    'root': str(options.root),
                    'valid': not problems,
                    'episodes': checker.episodes,
                    'frames': checker.frames,
                    'version': checker.version,
                    'problems': problems,
                    'warnings': checker.warnings,
                }
            )
        )
    else:
        for warning in checker.warnings:
            print(f'WARNING: {warning}', file=sys.stderr)
        for problem in problems:
            print(f'PROBLEM: {problem}', file=sys.stderr)
        print(
            f'{options.root}: {checker.episodes} episodes, {checker.frames} frames: '
            + (f'{len(problems)} problems' if problems else 'valid')
        )
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
