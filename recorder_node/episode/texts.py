"""The texts of a take, each once: one JSON string per line, numbered from 0 by its line.

Rows hold the numbers. A line is written before the row that uses it and made durable before it, so
a file cut anywhere costs only rows that use what was cut.
"""

from __future__ import annotations

import json
from pathlib import Path

from recorder_node.encoding.append_file import AppendFile


class TextLog:
    """Numbers texts, appending each new one to a file."""

    def __init__(self, path: Path) -> None:
        self._file = AppendFile(path)
        self._numbers: dict[str, int] = {}

    @property
    def texts(self) -> list[str]:
        """All texts by number."""
        return list(self._numbers)

    def number(self, text: str) -> int:
        """Return the number of a text.

        Raises:
            OSError: when a new text cannot be written.
        """
        if text not in self._numbers:
            # ASCII, so that no character can be cut or be taken for the end of the line.
            self._file.append(json.dumps(text).encode('ascii') + b'\n')
            self._numbers[text] = len(self._numbers)
        return self._numbers[text]

    def sync(self) -> None:
        """Make the texts durable; nothing once closed."""
        self._file.sync()

    def close(self) -> None:
        """Sync and close; further calls do nothing."""
        try:
            self._file.sync()
        finally:
            self._file.close()


def read(path: Path) -> list[str]:
    """Return the texts up to the first line that is not whole."""
    texts = []
    for line in path.read_bytes().split(b'\n')[:-1]:
        try:
            text = json.loads(line)
        except ValueError:
            break
        if not isinstance(text, str):
            break
        texts.append(text)
    return texts
