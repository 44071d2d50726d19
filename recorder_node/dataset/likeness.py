"""Whether datasets may be joined: the same rate, robot and features, and videos of one codec."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from recorder_node.dataset import schema
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.recode import codec_of
from recorder_node.dataset.writer import Description, differences
from recorder_node.errors import DatasetError


def check_alike(sources: Sequence[Dataset], description: Description) -> None:
    """Refuse datasets that do not fit the first one's description.

    Raises:
        DatasetError: with every difference, or naming a feature that cannot be written.
    """
    first = sources[0].root
    if unknown := schema.unknown_types(description.features):
        raise DatasetError(
            f'{first}: {", ".join(unknown)}: values of this type cannot be copied; known are '
            f'{", ".join(schema.KNOWN_TYPES)}'
        )
    for source in sources:
        found = differences(source.info, dataclasses.replace(description, version=source.version))
        if found:
            against = "LeRobot's layout" if source is sources[0] else str(first)
            raise DatasetError(
                f'{source.root} does not fit to {against}:\n  - ' + '\n  - '.join(found)
            )


def check_codecs(sources: Sequence[Dataset]) -> None:
    """Refuse cameras whose videos have different codecs: info.json names one for all.

    Raises:
        DatasetError: naming the cameras, the codecs and the cure.
    """
    found = []
    for key in sources[0].video_keys:
        codecs: dict[str, str] = {}
        for source in sources:
            for path in {episode.videos[key].path for episode in source.episodes[:1]}:
                codecs.setdefault(codec_of(source.root / path), str(source.root))
        if len(codecs) > 1:
            where = ', '.join(f'{codec} in {root}' for codec, root in codecs.items())
            found.append(f'{key} is {where}')
    if found:
        raise DatasetError(
            'videos have different codecs:\n  - '
            + '\n  - '.join(found)
            + '\nGive --vcodec h264 (or libsvtav1, hevc) to encode again those that differ'
        )
