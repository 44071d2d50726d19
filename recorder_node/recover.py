"""`ros2 run recorder recover ROOT`: make a dataset whole again after a crash.

A change that was cut is completed, and takes that were cut or kept at the end become episodes.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorder_node import report as reports
from recorder_node.config import RecorderConfig
from recorder_node.dataset import layout
from recorder_node.dataset.lock import RootLock
from recorder_node.dataset.publish import complete
from recorder_node.dataset.repair import repair
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.errors import DatasetError, EmptyTakeError
from recorder_node.log import Log
from recorder_node.restore import restore
from recorder_node.streams import Counters
from recorder_node.take import leftovers
from so101_driver.errors import DriverError

Tell = Callable[[str], object]


def recover(folder: Path, root: Path, version: str = 'auto') -> tuple[int, dict[str, Any]]:
    """Save one cut take as the next episode of a dataset; return its index and report.

    Raises:
        DriverError: when the take or the dataset does not allow it; the take stays.
        OSError: when the disk refuses; the take stays.
    """
    take, contract = restore(folder)
    resume = (root / layout.INFO).is_file()
    writer = DatasetWriter(root, describe(contract, take.fps, version), resume)
    report = reports.make(take, {key: Counters() for key in take.streams}, {}, {}, [])
    report['warnings'].append('recovered from a take that was cut')
    return writer.publish(take, report), report


def recover_all(root: Path, tell: Tell, complain: Tell, version: str = 'auto') -> bool:
    """Save every unfinished take, telling of each; return whether all could be saved."""
    good = True
    for folder in leftovers(layout.recording_folder(root)):
        try:
            episode, report = recover(folder, root, version)
            tell(f'{folder.name} is episode {episode}: {report["rows"]} rows')
        except EmptyTakeError:
            shutil.rmtree(folder)
            tell(f'{folder.name} was cut before its first row was complete; it is removed')
        except (DriverError, OSError) as error:
            good = False
            complain(f'{folder} stays as it is: {error}')
    return good


def settle_unfinished(root: Path, config: RecorderConfig, log: Log) -> bool:
    """Do with takes of earlier sessions as `on_unfinished` says; tell whether any was saved."""
    takes = leftovers(layout.recording_folder(root))
    if config.on_unfinished == 'discard':
        for folder in takes:
            shutil.rmtree(folder)
            log.warning(f'the unfinished take {folder} is deleted (on_unfinished: discard)')
    elif config.on_unfinished == 'recover' and takes:
        before = len(takes)
        recover_all(root, log.info, log.error, config.codebase_version)
        return len(leftovers(layout.recording_folder(root))) < before
    return False


def main(args: list[str] | None = None) -> int:
    """Make a dataset whole again; return 1 when something could not be saved."""
    parser = argparse.ArgumentParser(
        prog='recover',
        description='Complete what a crash cut in a dataset, and save its unfinished takes as its '
        'next episodes.',
    )
    parser.add_argument('root', type=Path, help='folder of the dataset')
    parser.add_argument('--list', action='store_true', help='only name the unfinished takes')
    parser.add_argument(
        '--version',
        choices=('auto', *layout.VERSIONS),
        default='auto',
        help='format of a dataset that has no episode yet',
    )
    options = parser.parse_args(args)
    root = options.root.expanduser().absolute()
    folder = layout.recording_folder(root)
    if not root.exists() and not folder.exists():
        print(f'{root}: there is no dataset and no unfinished take', file=sys.stderr)
        return 1
    if options.list:
        print(*leftovers(folder), sep='\n')
        return 0
    try:
        lock = RootLock(folder)
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        return _recover(root, options.version)
    except (DriverError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        lock.close()


def _recover(root: Path, version: str) -> int:
    done = ['completed a change that was cut'] if complete(root) else []
    if (root / layout.INFO).is_file():
        done += repair(root)
    for text in done:
        print(f'{root}: {text}')
    if not leftovers(layout.recording_folder(root)):
        print(f'{root}: no unfinished take')
        return 0
    return 0 if recover_all(root, print, lambda text: print(text, file=sys.stderr), version) else 1


if __name__ == '__main__':
    sys.exit(main())
