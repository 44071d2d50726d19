"""JPEG files as cameras send them: where they end, and whether they are whole."""

from __future__ import annotations

from typing import NamedTuple

_START, _END, _SCAN = b'\xff\xd8', b'\xff\xd9', 0xDA
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
_NO_FRAME_HEADERS = frozenset((0xC4, 0xC8, 0xCC))  # tables among the frame headers C0 to CF
_FRAME_HEADER_LENGTH = 7


class JpegFile(NamedTuple):
    """A whole JPEG file without what stood behind it, and its picture's size (px)."""

    data: bytes
    width: int
    height: int


def whole_file(data: bytes) -> JpegFile | None:
    """Return the JPEG file that data begins with; None when it is not whole.

    Cameras fill their buffers up, with zeros or what was there before. The end that counts is the
    first one behind the beginning of the picture: previews in the header have ends of their own.
    """
    if not data.startswith(_START):
        return None
    size = (0, 0)
    place = len(_START)
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker in _STANDALONE:
            place += 2
            continue
        length = int.from_bytes(data[place + 2 : place + 4], 'big')
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADERS:
            header = data[place + 4 : place + 4 + _FRAME_HEADER_LENGTH]
            size = (int.from_bytes(header[3:5], 'big'), int.from_bytes(header[1:3], 'big'))
        place += 2 + length
        if marker == _SCAN:
            end = data.find(_END, place)
            return JpegFile(data[: end + len(_END)], *size) if end >= 0 and all(size) else None
    return None
