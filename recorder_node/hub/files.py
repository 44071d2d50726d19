"""Local files compared with those of a repository, and their grouping for the upload."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# Contents are sent in groups, to spare requests: the Hub limits their rate.
GROUP_FILES = 50
GROUP_BYTES = 64 * 2**20
_BLOCK = 2**20


class LocalFile:
    """A file that goes up; what was read of it once is kept.

    Args:
        name: its path in the repository.
        content: where it lies, or what it holds.
    """

    def __init__(self, name: str, content: Path | bytes) -> None:
        self.name = name
        self.content = content
        self.size = len(content) if isinstance(content, bytes) else content.stat().st_size

    def is_at(self, remote: Any) -> bool:
        """Tell whether a file of the repository (`RepoFile`, or None) has the same content."""
        if remote is None or remote.size != self.size:
            return False
        return bool(self.sha256 == remote.lfs.sha256 if remote.lfs else self.blob == remote.blob_id)

    @functools.cached_property
    def sha256(self) -> str:
        """The name of the content in the storage of large files."""
        return self._digest(hashlib.sha256())

    @functools.cached_property
    def blob(self) -> str:
        """The name of the content in git."""
        return self._digest(hashlib.sha1(b'blob %d\0' % self.size))

    def _digest(self, digest: Any) -> str:
        if isinstance(self.content, bytes):
            digest.update(self.content)
        else:
            with self.content.open('rb') as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        return str(digest.hexdigest())


def top(name: str) -> str:
    """Return the folder of the repository's top level that a file is in."""
    return name.split('/', 1)[0]


def groups(files: Sequence[LocalFile]) -> Iterator[list[LocalFile]]:
    """Divide files into groups that are small in number and size; a large file is alone."""
    group: list[LocalFile] = []
    size = 0
    for file in files:
        if group and (len(group) == GROUP_FILES or size + file.size > GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if group:
        yield group
