"""`ros2 run recorder edit`: delete, replace, undo, split, merge episodes; join video files."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from recorder_node.dataset import layout
from recorder_node.dataset.compose import compose, edit, parts_of
from recorder_node.dataset.consolidate import consolidate
from recorder_node.dataset.lock import RootLock
from recorder_node.dataset.publish import complete
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.repair import repair
from recorder_node.errors import DatasetError
from so101_driver.errors import DriverError

_RANGE = re.compile(r'(\d+)(?:-(\d+))?')


def episodes(texts: Sequence[str]) -> list[int]:
    """Return the numbers in texts such as `3`, `5-7`, `1,4-6`.

    Raises:
        DatasetError: when one is neither a number nor a range.
    """
    found: list[int] = []
    for text in ','.join(texts).split(','):
        match = _RANGE.fullmatch(text.strip())
        if match is None:
            raise DatasetError(f'"{text}" is no episode; write 3 or 5-7')
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise DatasetError(f'"{text}" runs backwards')
        found += range(first, last + 1)
    return found


def delete(root: Path, numbers: Sequence[int]) -> str:
    """Remove episodes; those behind them move up."""
    with _locked(root):
        dataset = Dataset(root)
        parts_of(dataset, numbers)
        kept = [e.index for e in dataset.episodes if e.index not in set(numbers)]
        if not kept:
            raise DatasetError(
                f'{root}: no episode would be left; delete the folder instead if that is meant'
            )
        edit(root, kept, _progress)
    return f'{len(set(numbers))} episodes deleted, {len(kept)} left'


def replace(root: Path, old: int, new: int) -> str:
    """Let one episode take the place of another, which is removed."""
    with _locked(root):
        dataset = Dataset(root)
        parts_of(dataset, (old, new))
        if old == new:
            raise DatasetError(f'episode {old} cannot replace itself')
        order = [e.index for e in dataset.episodes if e.index != new]
        order[order.index(old)] = new
        edit(root, order, _progress)
    return f'what was episode {new} is in the place of episode {old}'


def undo(root: Path) -> str:
    """Remove the last episode."""
    with _locked(root):
        last = len(Dataset(root).episodes) - 1
    return delete(root, [last])


def split(root: Path, target: Path, numbers: Sequence[int], version: str) -> str:
    """Copy episodes into a new dataset."""
    with _locked(root), _locked(target):
        compose(target, parts_of(Dataset(root), numbers), version, _progress)
    return f'{len(numbers)} episodes copied to {target}'


def merge(target: Path, roots: Sequence[Path], version: str) -> str:
    """Copy all episodes of several datasets into a new one."""
    with contextlib.ExitStack() as locks:
        for root in (*roots, target):
            locks.enter_context(_locked(root))
        datasets = [Dataset(root) for root in roots]
        parts = [part for d in datasets for part in parts_of(d, range(len(d.episodes)))]
        compose(target, parts, version, _progress)
    return f'{len(parts)} episodes of {len(roots)} datasets are in {target}'


def join_videos(root: Path) -> str:
    """Join the dataset's video files into few."""
    with _locked(root):
        before, after = consolidate(root)
    return f'{before} video files joined into {after}'


def main(args: list[str] | None = None) -> int:
    """Edit a dataset; return 1 when it was refused, the dataset then being as it was."""
    options = _parser().parse_args(args)
    try:
        message = _run(options)
    except (DriverError, OSError) as error:
        _end_progress()
        print(error, file=sys.stderr)
        return 1
    _end_progress()
    print(message)
    return 0


def _run(options: argparse.Namespace) -> str:
    if options.command == 'delete':
        return delete(_root(options.root), episodes(options.episodes))
    if options.command == 'replace':
        return replace(_root(options.root), options.old, options.new)
    if options.command == 'undo':
        return undo(_root(options.root))
    if options.command == 'split':
        numbers = episodes(options.episodes)
        return split(_root(options.root), _absolute(options.target), numbers, options.version)
    if options.command == 'merge':
        roots = [_root(root) for root in options.roots]
        return merge(_absolute(options.target), roots, options.version)
    return join_videos(_root(options.root))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='edit',
        description='Edit a dataset. It is copied (videos are linked), the copy verified, and '
        'only then put in the place of the original.',
    )
    commands = parser.add_subparsers(dest='command', required=True)
    one = commands.add_parser('delete', help='remove episodes; those behind them move up')
    one.add_argument('root', type=Path)
    one.add_argument('episodes', nargs='+', help='numbers or ranges: 3 5-7')
    one = commands.add_parser('replace', help='let a newer take of an episode take its place')
    one.add_argument('root', type=Path)
    one.add_argument('old', type=int, help='the episode to be replaced')
    one.add_argument('new', type=int, help='the episode that takes its place, usually the last')
    one = commands.add_parser('undo', help='remove the last episode')
    one.add_argument('root', type=Path)
    one = commands.add_parser('split', help='copy episodes into a new dataset')
    one.add_argument('root', type=Path)
    one.add_argument('target', type=Path, help='folder of the new dataset')
    one.add_argument('episodes', nargs='+', help='numbers or ranges: 3 5-7')
    _add_version(one)
    one = commands.add_parser('merge', help='copy several datasets into a new one')
    one.add_argument('target', type=Path, help='folder of the new dataset')
    one.add_argument('roots', type=Path, nargs='+', help='folders of the datasets')
    _add_version(one)
    one = commands.add_parser('consolidate', help='join the video files into few')
    one.add_argument('root', type=Path)
    return parser


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--version',
        choices=('auto', *layout.VERSIONS),
        default='auto',
        help='format of the new dataset; auto: that of the first source',
    )


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _root(path: Path) -> Path:
    """Return the folder of a dataset, made consistent when a crash left it half changed."""
    root = _absolute(path)
    with _locked(root):
        if complete(root):
            print(f'{root}: completed a change that was cut')
        for text in repair(root):
            print(f'{root}: {text}')
    return root


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    lock = RootLock(layout.recording_folder(root))
    try:
        yield
    finally:
        lock.close()


def _progress(done: int, total: int) -> None:
    if sys.stdout.isatty():
        print(f'\r{done} of {total} episodes', end='', flush=True)


def _end_progress() -> None:
    if sys.stdout.isatty():
        print('\r', end='')


if __name__ == '__main__':
    sys.exit(main())
