"""`ros2 run recorder recover ROOT`: make a dataset whole again after a crash.

A change that was cut is completed, and takes that were cut or kept at the end become episodes.
What other programs left damaged is never mended in place; `--foreign` copies what is whole in it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorder_node.dataset import layout
from recorder_node.dataset.access import check_readable, check_target, writing
from recorder_node.dataset.check import UNFORESEEN, check_source, in_words
from recorder_node.dataset.compose import Options, compose
from recorder_node.dataset.removed import set_aside
from recorder_node.dataset.rescue import Wreck
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.episode import report as reports
from recorder_node.episode.restore import restore
from recorder_node.episode.take import leftovers
from recorder_node.episode.take_folder import HEADER
from recorder_node.errors import DatasetError, EmptyTakeError
from recorder_node.log import Log
from recorder_node.session.config import RecorderConfig
from recorder_node.streams.buffer import Counters
from so101_driver.common.errors import DriverError

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
    report = reports.make(take, {key: Counters() for key in take.streams}, {}, {}, {}, [])
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
            aside = set_aside(root, folder, 'a take that was cut before its first whole row')
            tell(f'{folder.name} was cut before its first row was complete; it is now {aside}')
        except (DriverError, OSError) as error:
            good = False
            complain(f'{folder} stays as it is: {error}')
        except Exception as error:  # a damaged take.json may say anything; others go on
            good = False
            complain(f'{folder} stays as it is: its {HEADER} is damaged: {error!r}')
    return good


def settle_unfinished(root: Path, config: RecorderConfig, log: Log) -> bool:
    """Do with takes of earlier sessions as `on_unfinished` says; tell whether any was saved."""
    takes = leftovers(layout.recording_folder(root))
    if config.on_unfinished == 'discard':
        for folder in takes:
            aside = set_aside(root, folder, 'an unfinished take; on_unfinished was discard')
            log.warning(f'the unfinished take {folder.name} is discarded; it is now {aside}')
    elif config.on_unfinished == 'recover' and takes:
        before = len(takes)
        recover_all(root, log.info, log.error, config.codebase_version)
        return len(leftovers(layout.recording_folder(root))) < before
    return False


def rescue(root: Path, target: Path) -> list[str]:
    """Copy what is whole in a damaged dataset into a new one; return what was lost, in words.

    Raises:
        DatasetError: when nothing can be saved, or the target is the source.
        ConfigError: when the target exists or cannot be written.
        OSError: when the disk refuses.
    """
    check_target(target, [root])
    check_readable(root)
    wreck = Wreck(root)
    parts = wreck.whole()
    if not parts:
        raise DatasetError(f'{root}: no episode is whole:\n  - ' + '\n  - '.join(wreck.lost))
    with writing(target):
        compose(target, parts, options=Options(restamp=True))
    counted = f'{len(parts)} episodes of {len(wreck.recorded)} with a record are in {target}'
    return [counted, *(f'lost: {text}' for text in wreck.lost)]


def main(args: list[str] | None = None) -> int:
    """Make a dataset whole again; return 1 when something could not be saved."""
    parser = _parser()
    options = parser.parse_args(args)
    if options.foreign != (options.target is not None):
        parser.error('--foreign needs ROOT and TARGET; without it there is no TARGET')
    root = layout.resolved(options.root)
    try:
        if options.foreign:
            print(*rescue(root, layout.resolved(options.target)), sep='\n')
            return 0
        return _recover(root, options)
    except (DriverError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except UNFORESEEN as error:
        print(in_words(error, root), file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='recover',
        description='Complete what a crash cut in a dataset, and save its unfinished takes as its '
        'next episodes. With --foreign ROOT TARGET: copy the whole episodes of a damaged dataset, '
        'whoever wrote it, into a new one.',
    )
    parser.add_argument('root', type=Path, help='folder of the dataset')
    parser.add_argument('target', type=Path, nargs='?', help='with --foreign: the new dataset')
    parser.add_argument('--list', action='store_true', help='only name the unfinished takes')
    parser.add_argument(
        '--foreign',
        action='store_true',
        help='save the episodes, from the first on, that are whole; the original stays as it is',
    )
    parser.add_argument(
        '--version',
        choices=('auto', *layout.VERSIONS),
        default='auto',
        help='format of a dataset that has no episode yet',
    )
    return parser


def _recover(root: Path, options: argparse.Namespace) -> int:
    folder = layout.recording_folder(root)
    if not root.exists() and not folder.exists():
        raise DatasetError(f'{root}: there is no dataset and no unfinished take')
    if options.list:
        print(*leftovers(folder), sep='\n')
        return 0
    with writing(root) as completed:
        if completed:
            print(f'{root}: completed a change that was cut')
        if root.is_dir() and any(root.iterdir()):
            check_source(root)
        if not leftovers(folder):
            print(f'{root}: no unfinished take')
            return 0
        good = recover_all(root, print, _complain, options.version)
    return 0 if good else 1


def _complain(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == '__main__':
    sys.exit(main())
