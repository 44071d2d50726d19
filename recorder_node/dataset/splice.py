"""Cuts and joins videos by copying packets: no frame is encoded again, none leaves the grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from recorder_node.errors import EncodeError

# Frame n is shown at exactly n / fps: ticks of a time base that every fps divides.
_TICKS_PER_FRAME = 512


def cut(
    source: Path, target: Path, fps: int, begin: int, frames: int, retime: bool = False
) -> None:
    """Copy `frames` frames from frame `begin` on into a file of their own.

    Args:
        source: the video.
        target: the file to write.
        fps: frames per second of the target.
        begin: number of the first frame.
        frames: how many.
        retime: number the source's frames as they follow one another, whatever their times.

    Raises:
        EncodeError: when they are not all there, or the first is no key frame; without `retime`
            also when a frame is not at n / fps.
    """
    _copy([(source, begin, frames)], target, fps, lambda: False, retime)


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
    retime: bool = False,
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
                    packets = _ranked(path) if retime else _on_grid(inside, stream, fps)
                    counts.append(_copy_part(packets, outside, copy, fps, begin, frames, shift))
                if stop():
                    raise EncodeError('given up on request')
    except (av.FFmpegError, OSError, IndexError, EncodeError) as error:
        source = parts[min(len(counts), len(parts) - 1)][0]
        raise EncodeError(f'{source}: {error}') from error
    return counts


def _on_grid(inside: Any, stream: Any, fps: int) -> Iterator[tuple[int, Fraction, Any]]:
    """Yield each packet with its frame's number and its decoding time in frames.

    Raises:
        EncodeError: when a frame is not at n / fps.
    """
    for packet in inside.demux(stream):
        if packet.pts is None:
            continue
        number = packet.pts * packet.time_base * fps
        if abs(number - round(number)) > Fraction(1, 100):
            raise EncodeError(f'{inside.name}: a frame is not at n / fps')
        yield round(number), packet.dts * packet.time_base * fps, packet


def _ranked(path: Path) -> Iterator[tuple[int, Fraction, Any]]:
    """Yield the same, frames numbered in the order in which they are shown."""
    with av.open(str(path)) as container:
        times = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    rank = {pts: number for number, pts in enumerate(sorted(times))}
    ahead = max((number - rank[pts] for number, pts in enumerate(times)), default=0)
    with av.open(str(path)) as container:
        packets = (packet for packet in container.demux(video=0) if packet.pts is not None)
        for number, packet in enumerate(packets):
            yield rank[packet.pts], Fraction(number - ahead), packet


def _copy_part(
    packets: Iterator[tuple[int, Fraction, Any]],
    outside: Any,
    copy: Any,
    fps: int,
    begin: int,
    frames: int | None,
    shift: int,
) -> int:
    """Copy one source's frames begin..begin+frames, shifted; return how many there were."""
    seen: list[int] = []
    for number, decoded_at, packet in packets:
        if number < begin or (frames is not None and number >= begin + frames):
            continue
        if not seen and not packet.is_keyframe:
            raise EncodeError(f'frame {begin} is no key frame')
        seen.append(number)
        packet.dts = _ticks(decoded_at + shift)
        packet.pts = _ticks(Fraction(number + shift))
        # Not the stream's: the muxer changes that one when it writes the header.
        packet.time_base = Fraction(1, fps * _TICKS_PER_FRAME)
        packet.duration = _TICKS_PER_FRAME
        packet.stream = copy
        outside.mux(packet)
    count = len(seen)
    if sorted(seen) != list(range(begin, begin + (count if frames is None else frames))):
        raise EncodeError(f'{count} frames from {begin}, {frames} were wanted')
    return count


def _ticks(frames: Fraction) -> int:
    return round(frames * _TICKS_PER_FRAME)
