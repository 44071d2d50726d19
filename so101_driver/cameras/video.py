"""A video file as a camera: looped, forward against the clock, one file frame per tick."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from so101_driver.cameras.coded_picture import Image
from so101_driver.cameras.frame import Frame
from so101_driver.common.errors import CameraError
from so101_driver.common.unreadable import why_unreadable


class VideoSource:
    """Plays a file's frames in order and begins again at its end.

    Tick k shows frame k (counted around the loop). A late capture thread skips ticks and with them
    frames, so that the content keeps up with the clock.

    Args:
        path: The file.
        width, height: The size that pictures must have (px).
        fps: Ticks per second; 0 = the file's own rate.
        resize: Scale pictures of another size instead of refusing the file.
        clock_ns: Clock of the stamps.
    """

    paces_itself = False
    focal_px = 0.0
    warning = ''

    def __init__(
        self,
        path: str,
        width: int,
        height: int,
        fps: float,
        resize: bool,
        clock_ns: Callable[[], int],
    ) -> None:
        self.rate_hz = fps
        self._path = Path(path).expanduser()
        self._size = (width, height)
        self._resize = resize
        self._clock_ns = clock_ns
        self._container: Any = None
        self._frames: Iterator[Any] = iter(())
        self._next_tick: int | None = None
        # Quarter turns counterclockwise that the file asks for.
        self._turns = 0

    def open(self) -> None:
        """Open the file and check its size and rate."""
        self.close()
        try:
            self._container = av.open(str(self._path))
            stream = self._container.streams.video[0]
        except (av.FFmpegError, IndexError) as error:
            self.close()
            raise CameraError(f'{self._path} {why_unreadable(self._path, error)}') from error
        got = self._look(stream)
        if got != self._size and not self._resize:
            self.close()
            raise CameraError(
                f'{self._path}: pictures are {got[0]}x{got[1]}, asked for '
                f'{self._size[0]}x{self._size[1]}; set width and height, or resize:=true'
            )
        if not self.rate_hz:
            self.rate_hz = float(stream.average_rate or 0)
        if not self.rate_hz:
            self.close()
            raise CameraError(f'{self._path}: does not tell its rate; set fps')
        self._frames = self._decoded()
        self._next_tick = None

    def grab(self, tick: int) -> Frame:
        """Return the file frame of a tick."""
        stamp_ns = self._clock_ns()
        if self._next_tick is None:
            self._next_tick = tick
        frame = self._decode_one()
        while self._next_tick < tick:
            frame = self._decode_one()
            self._next_tick += 1
        self._next_tick += 1
        return Frame(self._rgb(frame), stamp_ns)

    def close(self) -> None:
        """Close the file."""
        self._frames = iter(())
        if self._container is not None:
            self._container.close()
            self._container = None

    def _look(self, stream: Any) -> tuple[int, int]:
        """Return the size at which the file wants to be shown; phones turn by metadata alone."""
        try:
            rotation = next(self._container.decode(stream)).rotation
            self._container.seek(0)
        except (av.FFmpegError, StopIteration) as error:
            self.close()
            raise CameraError(f'{self._path}: has no frames') from error
        self._turns, rest = divmod(rotation % 360, 90)
        if rest:
            self.close()
            raise CameraError(
                f'{self._path}: is to be turned by {rotation} degrees; only quarter turns are known'
            )
        context = stream.codec_context
        size = (context.width, context.height)
        return size[::-1] if self._turns % 2 else size

    def _decode_one(self) -> Any:
        try:
            return next(self._frames)
        except StopIteration:
            raise CameraError(f'{self._path}: the file is not open') from None
        except av.FFmpegError as error:
            raise CameraError(f'{self._path}: cannot be decoded: {error}') from error

    def _decoded(self) -> Iterator[Any]:
        """Yield frames for ever."""
        while True:
            count = 0
            for frame in self._container.decode(video=0):
                count += 1
                yield frame
            if not count:
                raise CameraError(f'{self._path}: has no frames')
            self._container.seek(0)

    def _rgb(self, frame: Any) -> Image:
        width, height = self._size[::-1] if self._turns % 2 else self._size
        if (frame.width, frame.height) == (width, height):
            image: Image = frame.to_ndarray(format='rgb24')
        else:
            image = frame.to_ndarray(width=width, height=height, format='rgb24')
        return np.ascontiguousarray(np.rot90(image, self._turns))
