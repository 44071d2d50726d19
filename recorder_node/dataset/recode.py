"""Encodes a finished video again, by another codec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av

from recorder_node.dataset import files
from recorder_node.encoding.codecs import Codec
from recorder_node.encoding.video import VideoEncoder, finish, frames_of
from recorder_node.episode.take_folder import described_feature
from recorder_node.streams.pictures import Picture


def codec_of(path: Path) -> str:
    """Return the name of a video's codec: `h264`, `hevc`, `av1`.

    Raises:
        DatasetError: when it cannot be read.
    """

    def name() -> str:
        with av.open(str(path)) as container:
            return str(container.streams.video[0].codec_context.codec.canonical_name)

    return files.opened(path, name)


def recode(path: Path, name: str, entry: Mapping[str, Any], fps: int, codec: Codec) -> None:
    """Replace a video by one of another codec with the same frames; depth stays as it is.

    Args:
        path: the video, one frame per row at n / fps.
        name: the camera's feature.
        entry: its description in info.json.
        fps: frames per second.
        codec: the encoder.

    Raises:
        EncodeError: when a frame cannot be decoded or encoded; the video is as it was.
    """
    feature = described_feature(name, entry)
    if feature.depth is not None:
        return
    growing, finished = path.with_suffix('.growing.mp4'), path.with_suffix('.recoded.mp4')
    encoder = VideoEncoder(growing, feature, fps, codec)
    count = 0
    try:
        for frame in frames_of(path, feature):
            height, width = frame.shape[:2]
            encoder.add(Picture(height, width, 'rgb8', width * 3, frame.tobytes()))
            count += 1
        encoder.close()
        finish(growing, finished, fps, count)
    except BaseException:
        encoder.abort()
        raise
    finally:
        growing.unlink(missing_ok=True)
    finished.replace(path)
