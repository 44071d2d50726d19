"""Ways in which people's datasets were damaged or mixed with other files, done to a copy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recorder_node.dataset import layout

LEROBOT = Path(__file__).parent / 'data' / 'lerobot'
_POINTER = f'version https://git-lfs.github.com/spec/v1\noid sha256:{"0" * 64}\nsize 12345\n'

Damage = Callable[[Path], object]


def copy(name: str, target: Path) -> Path:
    """Copy a dataset that lerobot wrote to `target`, writable."""
    shutil.copytree(LEROBOT / name, target)
    for path in (target, *target.rglob('*')):
        path.chmod(path.stat().st_mode | 0o200)
    return target


def data_file(root: Path) -> Path:
    """Return the last data file."""
    return sorted(root.glob('data/*/*.parquet'))[-1]


def video_file(root: Path) -> Path:
    """Return the last video."""
    return sorted(root.glob('videos/**/*.mp4'))[-1]


def change_info(**values: Any) -> Damage:
    """Return a damage of info.json."""

    def damage(root: Path) -> None:
        path = root / layout.INFO
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}, indent=4))

    return damage


def change_column(path: Path, name: str, change: Callable[[list[Any]], list[Any]]) -> None:
    """Rewrite one column of a parquet file; the type follows from the new values if need be."""
    table = pq.read_table(path)
    at = table.column_names.index(name)
    values = change(table.column(name).to_pylist())
    try:
        array = pa.array(values, table.schema.field(at).type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        array = pa.array(values)
    pq.write_table(table.set_column(at, name, array), path)


def change_records(name: str, change: Callable[[list[Any]], list[Any]]) -> Damage:
    """Return a damage of a value in the episodes' records; v2.1 has only some of them."""

    def damage(root: Path) -> None:
        for path in sorted(root.glob('meta/episodes/*/*.parquet')):
            change_column(path, name, change)
        path = root / layout.V21_EPISODES
        if path.is_file():
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            values = change([line.get(name, 0) for line in lines])
            new = [{**line, name: value} for line, value in zip(lines, values, strict=True)]
            path.write_text(''.join(json.dumps(line) + '\n' for line in new))

    return damage


def drop_last_records(root: Path) -> None:
    """info.json counts more episodes than have a record."""
    for path in sorted(root.glob('meta/episodes/*/*.parquet')):
        table = pq.read_table(path)
        pq.write_table(table.slice(0, table.num_rows - 1), path)
    path = root / layout.V21_EPISODES
    if path.is_file():
        path.write_text('\n'.join(path.read_text().splitlines()[:-1]) + '\n')


def cut(find: Callable[[Path], Path], by: int = 20) -> Damage:
    """Return a damage that takes the end off a file."""
    return lambda root: find(root).write_bytes(find(root).read_bytes()[:-by])


def jitter(root: Path) -> None:
    """Time stamps as they were measured."""
    change_column(
        data_file(root),
        'timestamp',
        lambda values: [value + 0.003 * (n % 3) for n, value in enumerate(values)],
    )


def point_at_lfs(root: Path) -> None:
    """A clone without git-lfs."""
    for path in root.glob('videos/**/*.mp4'):
        path.write_text(_POINTER)


def side_files(root: Path) -> None:
    """What macOS leaves on foreign disks."""
    for path in list(root.rglob('*.parquet')):
        path.with_name(f'._{path.name}').write_bytes(b'\x00\x05')


def mark_bytes(root: Path) -> None:
    """info.json saved by an editor with a byte order mark."""
    path = root / layout.INFO
    path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes())


def copy_beside(root: Path) -> None:
    """A user kept copies where lerobot reads them."""
    path = data_file(root)
    shutil.copy(path, path.with_name(f'{path.name}.bak'))
    shutil.copy(path, path.with_name(f'{path.stem}_orig.parquet'))


def own_things(root: Path) -> None:
    """Files that are no business of the recorder's."""
    for name in ('README.md', 'meta/modality.json', 'annotations/notes.csv', '.git/HEAD'):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(f'of the user: {name}')
    change_info(my_key='mine')(root)


def scramble(values: list[Any]) -> list[Any]:
    """Turn a list round."""
    return values[::-1]


# Damages, and a word that the answer must hold where it is the same for both formats.
DAMAGES: dict[str, tuple[Damage, str]] = {
    'copies beside': (copy_beside, '_orig.parquet'),
    'cut data': (cut(data_file), 'no footer'),
    'cut video': (cut(video_file, 300), '.mp4'),
    'missing video': (lambda root: video_file(root).unlink(), '.mp4 is missing'),
    'missing data': (lambda root: data_file(root).unlink(), 'rows'),
    'fewer records': (drop_last_records, 'records of episodes'),
    'fewer counted': (change_info(total_episodes=1), 'total_episodes is 1'),
    'git-lfs': (point_at_lfs, 'git lfs pull'),
    'macOS': (side_files, 'macOS'),
    'byte order mark': (mark_bytes, 'byte order mark'),
    'fractional fps': (change_info(fps=29.97), 'fps is 29.97'),
    'jitter': (jitter, 'edit restamp'),
    'text for a number': (change_info(chunks_size='many'), 'chunks_size'),
    'scrambled length': (change_records('length', scramble), 'episode 0'),
    'empty info': (lambda root: (root / layout.INFO).write_bytes(b''), 'info.json is empty'),
    'a web page': (
        lambda root: data_file(root).write_text('<!DOCTYPE html><html>404</html>'),
        'is a web page',
    ),
}
# Only of format v3.0.
DAMAGES_V30: dict[str, tuple[Damage, str]] = {
    'stale data file': (change_records('data/file_index', lambda v: [0] * len(v)), 'are not in'),
    'nan index': (
        change_records('data/chunk_index', lambda v: [*map(float, v[:-1]), float('nan')]),
        'data/chunk_index is 0.0, not a whole number',
    ),
    'scrambled rows': (change_records('dataset_from_index', scramble), 'do not follow'),
    'stale video': (
        change_records('videos/observation.images.wrist/from_timestamp', lambda v: [0.0] * len(v)),
        'does not follow',
    ),
    'null task': (change_records('tasks', lambda v: [None, *v[1:]]), 'tasks is None'),
}
