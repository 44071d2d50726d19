"""Picture statistics of an episode whose own are missing or wrong: every frame is decoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from recorder_node.errors import DatasetError
from recorder_node.stats import PictureStats, Stats


def measure(source: Path | Sequence[bytes], feature: Mapping[str, Any]) -> Stats:
    """Return the statistics of a video file, or of picture files by row.

    Raises:
        DatasetError: when a frame does not decode.
    """
    pictures = _frames(source) if isinstance(source, Path) else _decoded(source)
    stats: PictureStats | None = None
    for picture in pictures:
        if stats is None:
            stats = PictureStats(*picture.shape[:2])
        stats.add(picture, 'rgb24')
    if stats is None:
        raise DatasetError(f'there is no picture to measure for {feature.get("shape")}')
    return stats.result()


def _frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield np.asarray(frame.to_ndarray(format='rgb24'))
    except (av.FFmpegError, OSError, IndexError) as error:
        raise DatasetError(f'{path.name}: {error}') from error


def _decoded(files: Sequence[bytes]) -> Iterator[NDArray[np.uint8]]:
    for row in range(len(files)):
        picture = cv2.imdecode(np.frombuffer(files[row], np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise DatasetError(f'the picture in row {row} does not decode')
        yield np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
