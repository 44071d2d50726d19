"""Cuts and joins videos by copying packets: no frame is encoded again, none leaves the grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from recorder_node.errors import EncodeError

# Frame n is shown at exactly n / fps: ticks of a time base that every fps divides.
_TICKS_PER_FRAME = 512


def cut(source: Path, target: Path, fps: int, begin: int, frames: int) -> None:
    """Copy `frames` frames from frame `begin` on into a file of their own.

    Raises:
        EncodeError: when they are not all there, or the first is no key frame.
    """
    _copy([(source, begin, frames)], target, fps, lambda: False)


def join(sources: Sequence[Path], target: Path, fps: int, stop: Callable[[], bool]) -> list[int]:
    """Copy whole videos one behind the other; return the number of frames of each.

    Args:
        sources: videos of the same codec settings; see `signature`.
        target: the file to write, its index in front.
        fps: frames per second.
        stop: asked now and then; when true the copy is given up.

    Raises:
        EncodeError: when a source cannot be read or has a frame off the grid, or `stop` said so.
    """
    return _copy([(source, 0, None) for source in sources], target, fps, stop)


def signature(path: Path) -> tuple[Any, ...]:
    """Return what two videos must share to be joined by copying.

    Raises:
        EncodeError: when the file cannot be read.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            return (context.name, stream.width, stream.height, stream.pix_fmt, context.extradata)
    except (av.FFmpegError, OSError, IndexError) as error:
        raise EncodeError(f'{path}: {error}') from error


def _copy(
    parts: Sequence[tuple[Path, int, int | None]],
    target: Path,
    fps: int,
    stop: Callable[[], bool],
) -> list[int]:
    counts: list[int] = []
    try:
        with av.open(str(target), 'w', format='mp4', options={'movflags': 'faststart'}) as outside:
            copy: Any = None
            for path, begin, frames in parts:
                with av.open(str(path)) as inside:
                    stream = inside.streams.video[0]
                    if copy is None:
                        copy = outside.add_stream_from_template(stream, opaque=True)
                        copy.time_base = Fraction(1, fps * _TICKS_PER_FRAME)
                    shift = sum(counts) - begin
                    counts.append(_copy_part(inside, stream, outside, copy, begin, frames, shift))
                if stop():
                    raise EncodeError('given up on request')
    except (av.FFmpegError, OSError, IndexError) as error:
        raise EncodeError(f'{target.name}: {error}') from error
    return counts


def _copy_part(
    inside: Any, stream: Any, outside: Any, copy: Any, begin: int, frames: int | None, shift: int
) -> int:
    """Copy one source's frames begin..begin+frames, shifted; return how many there were."""
    fps = Fraction(copy.time_base.denominator, _TICKS_PER_FRAME)
    seen: list[int] = []
    for packet in inside.demux(stream):
        if packet.pts is None:
            continue
        number = packet.pts * packet.time_base * fps
        if abs(number - round(number)) > Fraction(1, 100):
            raise EncodeError(f'{inside.name}: a frame is not at n / fps')
        if round(number) < begin or (frames is not None and round(number) >= begin + frames):
            continue
        if not seen and not packet.is_keyframe:
            raise EncodeError(f'{inside.name}: frame {begin} is no key frame')
        seen.append(round(number))
        packet.dts = _ticks(packet.dts * packet.time_base * fps + shift)
        packet.pts = _ticks(Fraction(round(number) + shift))
        packet.time_base = copy.time_base
        packet.duration = _TICKS_PER_FRAME
        packet.stream = copy
        outside.mux(packet)
    count = len(seen)
    if sorted(seen) != list(range(begin, begin + (count if frames is None else frames))):
        raise EncodeError(f'{inside.name}: {count} frames from {begin}, {frames} were wanted')
    return count


def _ticks(frames: Fraction) -> int:
    return round(frames * _TICKS_PER_FRAME)
