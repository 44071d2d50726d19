"""What changes took out of a dataset, kept beside it until somebody empties it."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from pathlib import Path

from recorder_node.dataset import layout
from recorder_node.dataset.publish import NOTE

_NAME = re.compile(rf'{layout.REMOVED}\d{{4}}-\d\d-\d\d_[\d-]+_[0-9a-f]{{8}}')


def set_aside(root: Path, folder: Path, reason: str) -> Path:
    """Move a take's folder to where removed files go, with a note; return where it is now."""
    stamp = time.strftime('%Y-%m-%d_%H-%M-%S')
    place = layout.removed_folder(root, f'{stamp}_{secrets.token_hex(4)}')
    place.mkdir(parents=True)
    (place / NOTE).write_text(f'Taken out of {root} at {stamp}: {reason}\n{folder.name}\n')
    return folder.rename(place / folder.name)


def removed(root: Path) -> list[Path]:
    """Return the folders of removed files, oldest first; each has a note of what and when."""
    folders = sorted(layout.recording_folder(root).glob(f'{layout.REMOVED}*'))
    return [folder for folder in folders if _is_own(folder)]


def _is_own(folder: Path) -> bool:
    """Tell whether this program made a folder: by its name and the note in it."""
    note = folder / NOTE
    return (
        _NAME.fullmatch(folder.name) is not None
        and note.is_file()
        and note.read_bytes().startswith(b'Taken out of ')
    )


def purge(root: Path) -> tuple[int, int]:
    """Delete them for good; return how many folders and bytes they were."""
    folders = removed(root)
    size = sum(p.lstat().st_size for f in folders for p in f.rglob('*') if not p.is_dir())
    for folder in folders:
        shutil.rmtree(folder)
    return len(folders), size
