"""What changes took out of a dataset, kept beside it until somebody empties it."""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path

from recorder_node.dataset import layout
from recorder_node.dataset.publish import NOTE


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
    return [folder for folder in folders if (folder / NOTE).is_file()]


def purge(root: Path) -> tuple[int, int]:
    """Delete them for good; return how many folders and bytes they were."""
    folders = removed(root)
    size = sum(p.lstat().st_size for f in folders for p in f.rglob('*') if not p.is_dir())
    for folder in folders:
        shutil.rmtree(folder)
    return len(folders), size
