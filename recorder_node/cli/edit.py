"""`ros2 run recorder edit`: delete, replace, undo, split, merge episodes; join video files."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from recorder_node.dataset import layout
from recorder_node.dataset.access import check_readable, check_target, writing
from recorder_node.dataset.check import UNFORESEEN, check_source, in_words
from recorder_node.dataset.compose import Options, compose, parts_of
from recorder_node.dataset.consolidate import consolidate
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.records import MOST_FPS
from recorder_node.dataset.removed import purge as purge_removed
from recorder_node.dataset.rescue import Wreck
from recorder_node.dataset.swap import edit
from recorder_node.encoding.video import CODECS
from recorder_node.errors import DatasetError
from so101_driver.common.errors import DriverError

_RANGE = re.compile(r'(\d+)(?:-(\d+))?')
_MB = 1e6
_MOST_EPISODES = 10_000_000


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
        if last > _MOST_EPISODES:
            raise DatasetError(f'"{text}" leads beyond any dataset')
        found += range(first, last + 1)
    return found


def delete(root: Path, numbers: Sequence[int], keep_old: bool = True) -> str:
    """Remove episodes; those behind them move up."""
    with writing(root):
        return _delete(root, numbers, keep_old)


def _delete(root: Path, numbers: Sequence[int], keep_old: bool) -> str:
    """Remove episodes of a dataset that is held."""
    dataset = _open(root)
    parts_of(dataset, numbers)
    kept = [e.index for e in dataset.episodes if e.index not in set(numbers)]
    if not kept:
        raise DatasetError(
            f'{root}: no episode would be left; delete the folder instead if that is meant'
        )
    old = _edit(root, kept, keep_old)
    return f'{len(set(numbers))} episodes deleted, {len(kept)} left{old}'


def replace(root: Path, old: int, new: int, keep_old: bool = True) -> str:
    """Let one episode take the place of another, which is removed."""
    with writing(root):
        dataset = _open(root)
        parts_of(dataset, (old, new))
        if old == new:
            raise DatasetError(f'episode {old} cannot replace itself')
        order = [e.index for e in dataset.episodes if e.index != new]
        order[order.index(old)] = new
        kept = _edit(root, order, keep_old)
    return f'what was episode {new} is in the place of episode {old}{kept}'


def undo(root: Path, keep_old: bool = True) -> str:
    """Remove the last episode."""
    with writing(root):
        return _delete(root, [len(_open(root).episodes) - 1], keep_old)


def split(root: Path, target: Path, numbers: Sequence[int], version: str) -> str:
    """Copy episodes into a new dataset."""
    with _new(target, root):
        source = _source(root)
        parts = parts_of(source, numbers)
        check_source(root)
        compose(target, parts, version, _progress)
    return f'{len(numbers)} episodes copied to {target}'


def merge(target: Path, roots: Sequence[Path], version: str, vcodec: str = '') -> str:
    """Copy all episodes of several datasets into a new one."""
    with _new(target, *roots):
        sources = {root: _source(root) for root in roots}
        for root in sources:
            check_source(root)
        datasets = [sources[root] for root in roots]
        parts = [part for d in datasets for part in parts_of(d, range(len(d.episodes)))]
        compose(target, parts, version, _progress, Options(codec=CODECS.get(vcodec)))
    return f'{len(parts)} episodes of {len(roots)} datasets are in {target}'


def restamp(root: Path, target: Path, fps: int) -> str:
    """Copy a dataset, giving its rows and frames the times n / fps; 0: as it says."""
    if not 0 <= fps <= MOST_FPS:
        raise DatasetError(f'--fps is {fps}; it must lie between 1 and {MOST_FPS}')
    with _new(target, root):
        check_readable(root)
        wreck = Wreck(root, fps)
        parts = wreck.whole()
        if wreck.lost:
            raise DatasetError(f'{root} is damaged:\n  - ' + '\n  - '.join(wreck.lost))
        compose(target, parts, 'auto', _progress, Options(restamp=True))
    return f'{len(parts)} episodes at {wreck.fps} rows per second are in {target}'


def join_videos(root: Path) -> str:
    """Join the dataset's video files into few."""
    with writing(root):
        check_source(root)
        before, after = consolidate(root)
    return f'{before} video files joined into {after}'


def purge(root: Path) -> str:
    """Delete what earlier changes took out of the dataset."""
    with writing(root):
        folders, size = purge_removed(root)
    return f'{folders} folders of removed files deleted, {size / _MB:.1f} MB'


def main(args: list[str] | None = None) -> int:
    """Edit a dataset; return 1 when it was refused, the dataset then being as it was."""
    options = _parser().parse_args(args)
    try:
        message = _run(options)
    except (DriverError, OSError) as error:
        _end_progress()
        print(error, file=sys.stderr)
        return 1
    except UNFORESEEN as error:
        _end_progress()
        print(in_words(error, getattr(options, 'root', 'ROOT')), file=sys.stderr)
        return 1
    _end_progress()
    print(message)
    return 0


def _run(options: argparse.Namespace) -> str:
    root = layout.resolved(options.root) if 'root' in options else Path()
    if not root.is_dir():
        raise DatasetError(f'{root} is no folder')
    target = layout.resolved(options.target) if 'target' in options else Path()
    if options.command == 'delete':
        return delete(root, episodes(options.episodes), options.old)
    if options.command == 'replace':
        return replace(root, options.before, options.after, options.old)
    if options.command == 'undo':
        return undo(root, options.old)
    if options.command == 'split':
        return split(root, target, episodes(options.episodes), options.version)
    if options.command == 'merge':
        roots = [layout.resolved(path) for path in options.roots]
        return merge(target, roots, options.version, options.vcodec)
    if options.command == 'restamp':
        return restamp(root, target, options.fps)
    if options.command == 'purge':
        return purge(root)
    return join_videos(root)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='edit',
        description='Edit a dataset. It is copied (videos are linked), the copy verified, and '
        'only then put in the place of the original, which stays beside it as ROOT_old.',
    )
    commands = parser.add_subparsers(dest='command', required=True)
    one = _command(commands, 'delete', 'remove episodes; those behind them move up', in_place=True)
    one.add_argument('episodes', nargs='+', help='numbers or ranges: 3 5-7')
    one = _command(
        commands, 'replace', 'let a newer take of an episode take its place', in_place=True
    )
    one.add_argument('before', metavar='OLD', type=int, help='the episode to be replaced')
    one.add_argument(
        'after', metavar='NEW', type=int, help='the episode that takes its place, usually the last'
    )
    _command(commands, 'undo', 'remove the last episode', in_place=True)
    one = _command(commands, 'split', 'copy episodes into a new dataset')
    one.add_argument('target', type=Path, help='folder of the new dataset')
    one.add_argument('episodes', nargs='+', help='numbers or ranges: 3 5-7')
    _add_version(one)
    one = commands.add_parser('merge', help='copy several datasets into a new one')
    one.add_argument('target', type=Path, help='folder of the new dataset')
    one.add_argument('roots', type=Path, nargs='+', help='folders of the datasets')
    one.add_argument(
        '--vcodec',
        choices=sorted(CODECS),
        default='',
        help='encode again, by this codec, videos that have another',
    )
    _add_version(one)
    one = _command(
        commands, 'restamp', 'copy a dataset whose times are not n / fps, making them so'
    )
    one.add_argument('target', type=Path, help='folder of the new dataset')
    one.add_argument(
        '--fps',
        type=int,
        default=0,
        metavar='N',
        help='rows per second; default: as it says',
    )
    _command(commands, 'consolidate', 'join the video files into few')
    _command(commands, 'purge', 'delete what earlier changes took out (ROOT.recording/removed-*)')
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    words: str,
    in_place: bool = False,
) -> argparse.ArgumentParser:
    one = commands.add_parser(name, help=words)
    one.add_argument('root', type=Path, help='folder of the dataset')
    if in_place:
        one.add_argument(
            '--no-old',
            dest='old',
            action='store_false',
            help='do not keep the dataset as it was beside it as ROOT_old',
        )
    return one


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--version',
        choices=('auto', *layout.VERSIONS),
        default='auto',
        help='format of the new dataset; auto: that of the first source',
    )


def _edit(root: Path, indices: Iterable[int], keep_old: bool) -> str:
    check_source(root)
    old = edit(root, list(indices), _progress, keep_old)
    return f'; the dataset as it was is {old}' if old else ''


@contextmanager
def _new(target: Path, *sources: Path) -> Iterator[None]:
    """Hold the place of a new dataset."""
    check_target(target, sources)
    with writing(target):
        yield


def _source(root: Path) -> Dataset:
    """Open a dataset that is only read."""
    check_readable(root)
    return _open(root)


def _open(root: Path) -> Dataset:
    """Open a dataset; of one that cannot be opened say everything that is wrong."""
    try:
        return Dataset(root)
    except DatasetError:
        check_source(root)
        raise


def _progress(done: int, total: int) -> None:
    if sys.stdout.isatty():
        print(f'\r{done} of {total} episodes', end='', flush=True)


def _end_progress() -> None:
    if sys.stdout.isatty():
        print('\r', end='')


if __name__ == '__main__':
    sys.exit(main())
