"""Says of a file that cannot be read what it is instead, and what helps."""

from __future__ import annotations

from pathlib import Path

_HEAD_BYTES = 64
_LFS = b'version https://git-lfs.github.com/spec/'
_BOM = b'\xef\xbb\xbf'
_PARQUET = b'PAR1'


def why_unreadable(path: Path, error: object = '') -> str:
    """Return a clause that follows the file's name: what it is, and the cure where there is one.

    Args:
        path: the file.
        error: what the library said that tried to read it; used when nothing better is known.
    """
    if not path.exists():
        link = path.is_symlink()
        return f'is a link to {path.readlink()}, which is missing' if link else 'is missing'
    if path.is_dir():
        return 'is a folder, not a file'
    try:
        with path.open('rb') as file:
            head = file.read(_HEAD_BYTES)
            file.seek(max(0, path.stat().st_size - len(_PARQUET)))
            tail = file.read()
    except OSError as refused:
        return f'cannot be read: {refused.strerror}'
    return _known(path, head, tail) or f'cannot be read: {_first_line(error)}'


def is_lfs_pointer(path: Path) -> bool:
    """Tell whether a file is what git leaves in its place where git-lfs is not installed."""
    try:
        with path.open('rb') as file:
            return file.read(len(_LFS)) == _LFS
    except OSError:
        return False


def _known(path: Path, head: bytes, tail: bytes) -> str:
    if path.name.startswith('._'):
        return (
            'is a side file that macOS made, not data, but LeRobot reads it; remove such files '
            f'with: find {path.parent} -name "._*" -delete'
        )
    if not head:
        return 'is empty (0 bytes)'
    if head.startswith(_LFS):
        return 'is a git-lfs pointer, not the file itself; fetch it with: git lfs pull'
    if head.lstrip().lower().startswith((b'<!doctype', b'<html')):
        return 'is a web page, not the file: its download failed; fetch it again'
    if head.startswith(_BOM):
        return (
            'begins with a byte order mark, which LeRobot refuses; save it as UTF-8 without BOM: '
            f"sed -i '1s/^\\xef\\xbb\\xbf//' {path}"
        )
    if path.suffix == '.parquet' and head.startswith(_PARQUET) and tail != _PARQUET:
        return 'has no footer: it was cut, or the program that wrote it was stopped before the end'
    if path.suffix == '.mp4' and b'ftyp' not in head:
        return 'is no mp4 file'
    return ''


def _first_line(error: object) -> str:
    text = str(getattr(error, 'strerror', None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__
