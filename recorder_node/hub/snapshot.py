"""A frozen view of a dataset, so that a session may go on writing while the files go up.

Files of a dataset are replaced by rename and never changed in place, so hard links hold them
still; the one that grows in place is copied.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from recorder_node.dataset import layout
from recorder_node.dataset.lock import RootLock
from recorder_node.dataset.publish import is_pending, link_or_copy
from recorder_node.dataset.reader import Dataset
from recorder_node.errors import DatasetError, HubError

FOLDER = 'push'
_GROWING = (layout.REPORTS,)
# Written anew for every upload.
CARD = 'README.md'
# Frames before lerobot encodes them.
_UNENCODED = Path('images')
_TEMPORARY = ('.part', '.tmp', '.incomplete', '.lock', '~')
# A publication takes a moment between its first and its last rename.
_SETTLE_S = 0.5
_TRIES = 20

Stamps = dict[str, tuple[int, int, int]]


class Snapshot:
    """The files of a dataset as they are now, until the `with` block ends.

    Args:
        root: the dataset's folder.

    Raises:
        HubError: when there is no sound dataset at `root`, it never comes to rest, another
            process is uploading it, or the folder beside it cannot be written.
    """

    def __init__(self, root: Path) -> None:
        if not (root / layout.INFO).is_file():
            raise HubError(f'{root} is not a dataset: {layout.INFO} is missing')
        self.root = root
        self.info: dict[str, Any] = {}
        beside = layout.recording_folder(root)
        self._made_beside = not beside.exists()
        self.folder = beside / FOLDER / 'files'
        try:
            self._lock = RootLock(self.folder.parent)
        except DatasetError:
            raise HubError(f'{root} is being uploaded by another process') from None
        except OSError as error:
            raise HubError(f'{beside} cannot be written: {error}') from error

    def __enter__(self) -> Snapshot:
        try:
            self._freeze()
        except OSError as error:
            self._remove()
            raise HubError(f'{self.root} cannot be linked or copied: {error}') from error
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._remove()

    @property
    def files(self) -> dict[str, Path]:
        """The frozen files by their name in the dataset."""
        return {name: self.folder / name for name in sorted(_stamps(self.folder))}

    def _freeze(self) -> None:
        """Link until nothing moved meanwhile and what was linked fits together."""
        seen: tuple[Stamps, list[str]] | None = None
        for _ in range(_TRIES):
            before = _stamps(self.root)
            problems = self._link(before)
            if _stamps(self.root) == before:
                if not problems:
                    return
                # Wrong and still the same after a while: not a publication under way.
                if seen == (before, problems):
                    raise HubError(
                        f'{self.root} cannot be uploaded as it is:\n  - ' + '\n  - '.join(problems)
                    )
            seen = before, problems
            time.sleep(_SETTLE_S)
        raise HubError(f'{self.root} changes all the time; end its session first')

    def _link(self, names: Stamps) -> list[str]:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        try:
            for name in names:
                target = self.folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                copy = shutil.copyfile if name in _GROWING else link_or_copy
                copy((self.root / name).resolve(strict=True), target)
        except FileNotFoundError as error:
            return [f'{error.filename} has gone']
        return self._check()

    def _check(self) -> list[str]:
        """Say what a reader would stumble over at once; `validate` finds the rest."""
        if is_pending(self.root):
            return [f'a change was cut: ros2 run recorder recover {self.root} completes it']
        try:
            dataset = Dataset(self.folder)
        except DatasetError as error:
            # Of the dataset, not of its frozen view.
            return [str(error).replace(str(self.folder), str(self.root))]
        self.info = dataset.info
        episodes = dataset.recorded
        named = {episode.data for episode in episodes}
        named |= {span.path for episode in episodes for span in episode.videos.values()}
        problems = [f'{n} is missing' for n in sorted(named) if not (self.folder / n).is_file()]
        for key, found in (
            ('total_episodes', len(episodes)),
            ('total_frames', sum(episode.length for episode in episodes)),
        ):
            if self.info.get(key) != found:
                problems.append(f'info.json: {key} is {self.info.get(key)}, there are {found}')
        return problems if episodes else [*problems, 'there is no episode yet']

    def _remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()
        if self._made_beside:
            # A session that has begun since keeps its own files there.
            with contextlib.suppress(OSError):
                self.folder.parent.parent.rmdir()


def discard(root: Path) -> None:
    """Remove what an upload that was killed left beside a dataset."""
    beside = layout.recording_folder(root)
    shutil.rmtree(beside / FOLDER, ignore_errors=True)
    with contextlib.suppress(OSError):
        beside.rmdir()


def _stamps(root: Path) -> Stamps:
    """Return what tells a new version of a file from the old one, for every file that goes up."""
    stamps: Stamps = {}
    for folder, below, names in os.walk(root, followlinks=True):
        relative = Path(folder).relative_to(root)
        below[:] = [n for n in below if not n.startswith('.') and relative / n != _UNENCODED]
        for name in names:
            path = (relative / name).as_posix()
            if name.startswith('.') or name.endswith(_TEMPORARY) or path == CARD:
                continue
            # A file that goes between the listing and here is a change as well.
            with contextlib.suppress(FileNotFoundError):
                status = Path(folder, name).stat()
                stamps[path] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return stamps
