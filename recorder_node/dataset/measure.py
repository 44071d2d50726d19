"""Picture statistics of an episode whose own are missing or wrong: every frame is decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recorder_node.encoding.images import decoded
from recorder_node.encoding.stats import Stats
from recorder_node.encoding.video import frames_of
from recorder_node.episode.restore import measured
from recorder_node.episode.take_folder import described_feature
from recorder_node.errors import DatasetError, EncodeError, StreamError


def measure(source: Path | Sequence[bytes], name: str, entry: Mapping[str, Any]) -> Stats:
    """Return the statistics of a video file, or of picture files by row.

    Args:
        source: the frames.
        name: the feature's name.
        entry: its description in info.json.

    Raises:
        DatasetError: when a frame does not decode.
    """
    feature = described_feature(name, entry)
    if isinstance(source, Path):
        frames = frames_of(source, feature)
    else:
        depth = feature.depth is not None
        frames = (decoded(source[row], depth) for row in range(len(source)))
    try:
        return measured(frames, feature).result()
    except (EncodeError, StreamError) as error:
        raise DatasetError(f'{name}: {error}') from error
