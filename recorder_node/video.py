"""Encoding while recording: one thread and one queue per camera, an mp4 readable when cut.

While the take runs the file is a fragmented mp4 without B-frames (every second frame a key
frame), so whatever reached the disk can be read. At the end it is copied, without encoding
again, into an ordinary mp4, and the packets are counted on the way.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from recorder_node.errors import EncodeError, StreamError
from recorder_node.messages import Picture
from recorder_node.pictures import pixels
from recorder_node.spill import SpillQueue
from recorder_node.stats import PictureStats, Stats

# SVT-AV1 prints its settings to stderr unless told to report errors only.
os.environ.setdefault('SVT_LOG', '1')

GOP = 2
CRF = 30
_QUEUE_FRAMES = 30
_FRAGMENTED = {
    'movflags': 'frag_keyframe+empty_moov+default_base_moof',
    'flush_packets': '1',
}


@dataclasses.dataclass(frozen=True)
class Codec:
    """An encoder with its options; `name` is what info.json calls the stream's codec."""

    encoder: str
    name: str
    options: dict[str, str]


# LeRobot's quality (crf 30, g 2). H.264 veryfast takes about 2.4 ms of one core for a noisy
# 640x480 frame, conversion included, where medium takes 4.1 ms for a file of the same size.
CODECS = {
    'h264': Codec('libx264', 'h264', {'preset': 'veryfast', 'bf': '0', 'threads': '1'}),
    'hevc': Codec(
        'libx265',
        'hevc',
        {
            'preset': 'ultrafast',
            'threads': '1',
            'x265-params': 'bframes=0:pools=1:frame-threads=1:log-level=error:open-gop=0',
        },
    ),
    'libsvtav1': Codec('libsvtav1', 'av1', {'preset': '12', 'svtav1-params': 'lp=1'}),
}


def choose_codec(vcodec: str) -> Codec:
    """Return the codec for the parameter `vcodec`; `auto` is H.264, playable everywhere."""
    return CODECS['h264' if vcodec == 'auto' else vcodec]


class VideoEncoder:
    """Encodes one camera of one take in a thread of its own.

    Args:
        path: the growing file.
        shape: (height, width, 3).
        fps: frames per second; frame n is shown at exactly n / fps.
        codec: see `CODECS`.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], fps: int, codec: Codec) -> None:
        self.path = path
        self.frames = 0
        self._fps = fps
        self._codec = codec
        self._height, self._width = shape[:2]
        self._stats = PictureStats(self._height, self._width)
        self._error: Exception | None = None
        self.queue = SpillQueue(path.with_suffix('.spill'), _QUEUE_FRAMES)
        self._thread = threading.Thread(target=self._run, name=f'encode {path.stem}', daemon=True)
        self._thread.start()

    def add(self, picture: Picture) -> None:
        """Queue one frame.

        Raises:
            EncodeError: when encoding failed earlier.
            OSError: when a frame that must be spilled cannot be written.
        """
        if self._error is not None:
            raise EncodeError(f'{self.path.name}: {self._error}') from self._error
        self.queue.put(picture)

    def close(self) -> Stats:
        """Encode what is queued, close the file and return the picture statistics.

        Raises:
            EncodeError: when any frame could not be encoded.
        """
        self.queue.close()
        self._thread.join()
        self.queue.remove()
        if self._error is not None:
            raise EncodeError(f'{self.path.name}: {self._error}') from self._error
        return self._stats.result()

    @property
    def longest_still(self) -> int:
        """The longest run of frames whose sampled pixels are all equal."""
        return self._stats.longest_still

    def abort(self) -> None:
        """Stop without caring for the result."""
        self.queue.close()
        self._thread.join()
        self.queue.remove()

    def _run(self) -> None:
        try:
            with av.open(str(self.path), 'w', format='mp4', options=_FRAGMENTED) as container:
                self._encode(container)
        except Exception as error:  # handed to the next add() or to close()
            self._error = error
            while self.queue.get() is not None:
                pass

    def _encode(self, container: Any) -> None:
        options = {'crf': str(CRF), 'g': str(GOP), **self._codec.options}
        stream = container.add_stream(self._codec.encoder, rate=self._fps, options=options)
        stream.width, stream.height = self._width, self._height
        stream.pix_fmt = 'yuv420p'
        stream.codec_context.time_base = Fraction(1, self._fps)
        stream.codec_context.gop_size = GOP
        while (picture := self.queue.get()) is not None:
            try:
                image, layout = pixels(picture)
            except StreamError as error:
                raise EncodeError(f'frame {self.frames}: {error}') from error
            self._stats.add(image, layout)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=layout)
            frame.pts = self.frames
            frame.time_base = Fraction(1, self._fps)
            container.mux(stream.encode(frame))
            self.frames += 1
        container.mux(stream.encode(None))


def finish(source: Path, target: Path, fps: int, rows: int) -> None:
    """Copy a fragmented mp4 into an ordinary one without encoding, one frame per row.

    A frame more than rows is left out: its row was never completed.

    Raises:
        EncodeError: when the source cannot be read, a frame is off the grid, or the number of
            frames does not fit.
    """
    frames = copy_frames(source, target, fps, rows)
    if not rows <= frames <= rows + 1:
        raise EncodeError(f'{source.name}: {frames} frames for {rows} rows')


def copy_frames(source: Path, target: Path, fps: int, most: int) -> int:
    """Copy up to `most` frames without encoding; return how many the source has.

    Raises:
        EncodeError: when the source cannot be read or a frame is not exactly on n / fps.
    """
    times = []
    try:
        with av.open(str(source)) as inside, av.open(str(target), 'w', format='mp4') as outside:
            stream = inside.streams.video[0]
            copy = outside.add_stream_from_template(stream, opaque=True)
            for packet in inside.demux(stream):
                if packet.pts is None:
                    continue
                times.append(packet.pts * packet.time_base * fps)
                if times[-1] < most:
                    packet.stream = copy
                    outside.mux(packet)
    except (av.FFmpegError, IndexError) as error:
        raise EncodeError(f'{source.name}: {error}') from error
    if sorted(times) != list(range(len(times))):
        raise EncodeError(f'{source.name}: frames are not on the grid of {fps} per second')
    return len(times)


def video_info(path: Path) -> dict[str, object]:
    """Return the `info` block of a visual feature, as LeRobot 0.4 reads it from the first file."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return {
            'video.height': stream.height,
            'video.width': stream.width,
            'video.codec': stream.codec_context.codec.canonical_name,
            'video.pix_fmt': stream.pix_fmt,
            'video.is_depth_map': False,
            'video.fps': int(stream.average_rate),
            'video.channels': 3,
            'has_audio': False,
        }
