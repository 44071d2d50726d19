"""Pictures out of messages; the first of each kind is converted for real, the others are not."""

from __future__ import annotations

from typing import Any

from recorder_node.contract.contract import COMPRESSED, Feature, Source
from recorder_node.errors import StreamError
from recorder_node.streams.coded_pictures import coded_picture, decoded
from recorder_node.streams.pictures import Picture, check, depth_of, pixels


class PictureReader:
    """Takes one camera's pictures out of its messages, as they came.

    The encoder's thread converts them. So that no episode begins for pictures that cannot be
    stored, the first with an encoding and step is converted here as well.
    """

    def __init__(self, feature: Feature, source: Source) -> None:
        self._topic = source.topic
        self._coded = source.type == COMPRESSED
        self._depth = feature.depth
        self._height, self._width = feature.shape[:2]
        self._proved: set[tuple[object, ...]] = set()

    def __call__(self, message: Any) -> Picture:
        """Return the message's picture.

        Raises:
            StreamError: naming topic and cause, when it does not fit or is damaged.
        """
        picture = self._read(message)
        kind = (picture.encoding, picture.step, picture.big_endian)
        if kind not in self._proved:
            self._prove(picture)
            self._proved.add(kind)
        return picture

    def _read(self, message: Any) -> Picture:
        height, width, topic = self._height, self._width, self._topic
        unit = self._depth.unit if self._depth else ''
        if self._coded:
            return coded_picture(message, height, width, topic, unit)
        if (message.height, message.width) != (height, width):
            raise StreamError(
                f'{topic}: a picture of {message.width}x{message.height}, the contract '
                f'says {width}x{height}'
            )
        picture = Picture(
            height, width, message.encoding, message.step, message.data,
            bool(getattr(message, 'is_bigendian', False)),
        )  # fmt: skip
        check(picture, topic, unit)
        return picture

    def _prove(self, picture: Picture) -> None:
        try:
            plain = decoded(picture)
            if self._depth is not None:
                depth_of(plain, self._depth)
            else:
                pixels(plain)
        except StreamError as error:
            raise StreamError(f'{self._topic}: {error}') from error
