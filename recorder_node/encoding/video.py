"""Encoding while recording: an mp4 per camera that is readable when cut.

While the take runs the file is a fragmented mp4 without B-frames, each frame a fragment, so
whatever reached the disk can be read. At the end it is copied, without encoding
again, into an ordinary mp4, and the packets are counted on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from recorder_node.contract.contract import Feature
from recorder_node.encoding.camera_writer import CameraWriter
from recorder_node.encoding.codecs import CODECS as CODECS
from recorder_node.encoding.codecs import DEPTH_CODEC, GOP, open_codec
from recorder_node.encoding.codecs import Codec as Codec
from recorder_node.encoding.depth_stats import DepthStats
from recorder_node.encoding.stats import PictureStats
from recorder_node.errors import EncodeError
from recorder_node.streams.pictures import Picture, depth_of, pixels

_FRAGMENTED = {
    'movflags': 'frag_every_frame+empty_moov+default_base_moof',
    'flush_packets': '1',
}


class VideoEncoder(CameraWriter):
    """Encodes one camera of one take in a thread of its own.

    Args:
        path: the growing file.
        feature: the camera; depth is always coded losslessly in HEVC.
        fps: frames per second; frame n is shown at exactly n / fps.
        codec: for colour.
    """

    def __init__(self, path: Path, feature: Feature, fps: int, codec: Codec) -> None:
        self._time_base = Fraction(1, fps)
        self._codec = DEPTH_CODEC if feature.depth else codec
        super().__init__(path, feature)

    def _store(self, pictures: Iterator[Picture]) -> None:
        with av.open(str(self.path), 'w', format='mp4', options=_FRAGMENTED) as container:
            stream = self._stream(container)
            open_codec(self._codec, stream.codec_context)
            for picture in pictures:
                frame = self._frame(picture)
                frame.pts = self.frames
                frame.time_base = self._time_base
                container.mux(stream.encode(frame))
                self.frames += 1
            container.mux(stream.encode(None))

    def _stream(self, container: Any) -> Any:
        options = {'g': str(GOP), **self._codec.options}
        rate = self._time_base.denominator
        stream = container.add_stream(self._codec.encoder, rate=rate, options=options)
        stream.height, stream.width = self.feature.shape[:2]
        stream.pix_fmt = self._codec.pix_fmt
        stream.codec_context.time_base = self._time_base
        stream.codec_context.gop_size = GOP
        return stream

    def _frame(self, picture: Picture) -> Any:
        if self.feature.depth is not None:
            assert isinstance(self._seen, DepthStats)
            depth = depth_of(picture, self.feature.depth)
            self._seen.add(depth)
            return _gray_frame(self.feature.depth.codes(depth), self._codec.pix_fmt)
        assert isinstance(self._seen, PictureStats)
        image, layout = pixels(picture)
        self._seen.add(image, layout)
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=layout)


def _gray_frame(codes: NDArray[np.uint16], pix_fmt: str) -> Any:
    height, width = codes.shape
    frame = av.VideoFrame(width, height, pix_fmt)
    _plane(frame)[...] = codes
    return frame


def _plane(frame: Any) -> NDArray[np.uint16]:
    """View a frame's 16-bit gray plane; not every PyAV converts these formats itself."""
    plane = frame.planes[0]
    rows = np.frombuffer(plane, '<u2').reshape(-1, plane.line_size // 2)
    return rows[: frame.height, : frame.width]


def frames_of(path: Path, feature: Feature) -> Iterator[NDArray[Any]]:
    """Decode a camera's video: `(height, width, 3)` RGB, or `(height, width)` of depth codes.

    Raises:
        EncodeError: when it cannot be decoded.
    """
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                if feature.depth is not None:
                    yield np.array(_plane(frame))
                else:
                    yield np.asarray(frame.to_ndarray(format='rgb24'))
    except (av.FFmpegError, IndexError) as error:
        raise EncodeError(f'{path.name}: {error}') from error


def frames_in(path: Path, fps: int) -> int:
    """Return how many frames a video holds, without decoding them.

    Raises:
        EncodeError: when it cannot be read or a frame is not exactly on n / fps.
    """
    try:
        with av.open(str(path)) as container:
            return sum(1 for _ in _packets(container, fps))
    except (av.FFmpegError, IndexError) as error:
        raise EncodeError(f'{path.name}: {error}') from error


def finish(source: Path, target: Path, fps: int, rows: int) -> None:
    """Copy a fragmented mp4 into an ordinary one without encoding, one frame per row.

    A frame more than rows is left out: its row was never completed.

    Raises:
        EncodeError: when the source cannot be read, a frame is off the grid, or the number of
            frames does not fit.
    """
    frames = copy_frames(source, target, fps, rows)
    if not rows <= frames <= rows + 1:
        target.unlink()
        raise EncodeError(f'{source.name}: {frames} frames for {rows} rows')


def copy_frames(source: Path, target: Path, fps: int, most: int) -> int:
    """Copy up to `most` frames without encoding; return how many the source has.

    Raises:
        EncodeError: when the source cannot be read, the target not be written, or a frame is not
            exactly on n / fps; there is no target then.
    """
    count = 0
    try:
        with av.open(str(source)) as inside, av.open(str(target), 'w', format='mp4') as outside:
            copy = outside.add_stream_from_template(inside.streams.video[0], opaque=True)
            for packet in _packets(inside, fps):
                count += 1
                if count <= most:
                    packet.stream = copy
                    outside.mux(packet)
    except (av.FFmpegError, IndexError, EncodeError) as error:
        target.unlink(missing_ok=True)
        raise EncodeError(f'{source.name}: {error}') from error
    return count


def _packets(container: Any, fps: int) -> Iterator[Any]:
    """Yield the packets of a video, each checked to be the next frame on the grid."""
    count = 0
    for packet in container.demux(container.streams.video[0]):
        if packet.pts is None:
            continue
        if packet.pts * packet.time_base * fps != count:
            raise EncodeError(f'frame {count} is not on the grid of {fps} per second')
        count += 1
        yield packet


def video_info(path: Path) -> dict[str, object]:
    """Return the `info` block of a visual feature, as LeRobot reads it from the first file."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        gray = stream.pix_fmt.startswith('gray')
        return {
            'video.height': stream.height,
            'video.width': stream.width,
            'video.codec': stream.codec_context.codec.canonical_name,
            'video.pix_fmt': stream.pix_fmt,
            'video.is_depth_map': gray,
            'is_depth_map': gray,
            'video.fps': int(stream.average_rate),
            'video.channels': 1 if gray else 3,
            'has_audio': False,
        }
