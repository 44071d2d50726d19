"""`ros2 run recorder recover ROOT`: save takes that were cut by a crash or kept at the end."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from recorder_node import report as reports
from recorder_node.dataset import layout
from recorder_node.dataset.lock import RootLock
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.restore import restore
from recorder_node.streams import Counters
from recorder_node.take import leftovers
from so101_driver.errors import DriverError


def recover(folder: Path, root: Path) -> tuple[int, dict[str, Any]]:
    """Save one cut take as the next episode of a dataset; return its index and report.

    Raises:
        DriverError: when the take or the dataset does not allow it; the take stays.
    """
    take, contract = restore(folder)
    resume = (root / layout.INFO).is_file()
    writer = DatasetWriter(root, describe(contract, take.fps), resume)
    report = reports.make(take, {key: Counters() for key in take.streams}, {}, {}, [])
    report['warnings'].append('recovered from a take that was cut')
    return writer.publish(take, report), report


def main(args: list[str] | None = None) -> int:
    """Recover every unfinished take; return 1 when one could not be."""
    parser = argparse.ArgumentParser(
        prog='recover',
        description='Save the unfinished takes of a dataset as its next episodes.',
    )
    parser.add_argument('root', type=Path, help='folder of the dataset')
    parser.add_argument('--list', action='store_true', help='only name them')
    options = parser.parse_args(args)
    root = options.root.expanduser().absolute()
    takes = leftovers(layout.recording_folder(root))
    if not takes:
        print(f'{root}: no unfinished take')
        return 0
    if options.list:
        print(*takes, sep='\n')
        return 0
    try:
        lock = RootLock(layout.recording_folder(root))
    except DriverError as error:
        print(error, file=sys.stderr)
        return 1
    failed = 0
    for folder in takes:
        try:
            episode, report = recover(folder, root)
            print(f'{folder.name} is episode {episode}: {report["rows"]} rows')
        except (DriverError, OSError) as error:
            failed += 1
            print(f'{folder} stays as it is: {error}', file=sys.stderr)
    lock.close()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
