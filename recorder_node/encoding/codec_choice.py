"""Which video encoder a session uses: one that has proved itself here, by really encoding.

An encoder that is offered may still fail for want of a driver or a free session, ignore an option
or spoil the picture; so each is tried with noisy frames of the session's sizes, and what it wrote
is decoded and compared.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from recorder_node.contract.contract import Contract, Feature
from recorder_node.encoding.codecs import (
    CODECS,
    CPU_H264,
    DEPTH_CODEC,
    GOP,
    HARDWARE,
    Codec,
    missing,
    open_codec,
)
from recorder_node.encoding.video import VideoEncoder, finish, frames_of
from recorder_node.errors import ContractError, EncodeError
from recorder_node.streams.pictures import Picture
from so101_driver.common.errors import ConfigError

Size = tuple[int, int]

_PROOF_FRAMES = 8
_TIMED_FRAMES = 8
_DEFAULT_SIZES: tuple[Size, ...] = ((480, 640),)
# Quality 30 of smooth noise gives 30 to 32 dB; swapped colours or a wrong stride far less.
_LEAST_PSNR_DB = 25.0
_CORES_SHARE = 0.5


class Choice(NamedTuple):
    """The codec for all cameras in colour, and why, in words."""

    codec: Codec
    reason: str


def choose_for(contract: Contract, vcodec: str, fps: int) -> Choice:
    """Return the codec for the cameras of a contract.

    Raises:
        ConfigError: when the encoder named, or that of depth, does not work here.
    """
    check_depth(contract)
    sizes = sizes_of(contract)
    if not sizes:
        return Choice(CPU_H264[0], 'no camera is stored as video in colour')
    depth = [f.shape[:2] for f in contract.cameras if f.is_video and f.depth is not None]
    busy = fps * sum(encoding_s(DEPTH_CODEC, (size[0], size[1]), fps) for size in depth)
    return choose_codec(vcodec, sizes, fps, busy_cores=busy)


def choose_codec(
    vcodec: str,
    sizes: Sequence[Size] = _DEFAULT_SIZES,
    fps: int = 30,
    prove: Callable[[Codec, Size, int], str] | None = None,
    frame_s: Callable[[Codec, Size, int], float] | None = None,
    cores: int | None = None,
    busy_cores: float = 0.0,
) -> Choice:
    """Return the codec for the parameter `vcodec`.

    `auto` is the first hardware encoder that proves itself; else H.264 on the processor, with the
    best preset that keeps up with all cameras on half of the cores.

    Args:
        vcodec: `auto` or one of `CODECS`.
        sizes: height and width of each camera in colour.
        fps: frames per second of each.
        prove: tries a codec; returns what is wrong with it, '' when nothing.
        frame_s: returns the processor seconds that one frame takes.
        cores: of this machine.
        busy_cores: how many of them the depth cameras need.

    Raises:
        ConfigError: when the encoder named does not work here, with those that do.
    """
    prove = prove or proof
    frame_s = frame_s or encoding_s
    distinct = list(dict.fromkeys(sizes))

    def problem(codec: Codec) -> str:
        return next((why for size in distinct if (why := prove(codec, size, fps))), '')

    if vcodec != 'auto':
        if why := problem(CODECS[vcodec]):
            good = [name for name, codec in CODECS.items() if name != vcodec and not problem(codec)]
            raise ConfigError(
                [f'vcodec {vcodec} does not work here: {why}; use auto, {", ".join(good)}']
            )
        return Choice(CODECS[vcodec], f'{vcodec}, as asked')
    for name, codec in HARDWARE.items():
        if not missing(codec) and not problem(codec):
            return Choice(codec, f'{name}: hardware, proved by encoding')
    return _on_processor(sizes, fps, frame_s, cores or os.cpu_count() or 1, busy_cores)


def _on_processor(
    sizes: Sequence[Size],
    fps: int,
    frame_s: Callable[[Codec, Size, int], float],
    cores: int,
    busy_cores: float,
) -> Choice:
    may = _CORES_SHARE * cores
    for codec in CPU_H264:
        cost_s = {size: frame_s(codec, size, fps) for size in set(sizes)}
        needed = busy_cores + fps * sum(cost_s[size] for size in sizes)
        preset = codec.options['preset']
        load = f'{needed:.2f} of {cores} cores for {len(sizes)} cameras at {fps} fps'
        if needed <= may:
            return Choice(codec, f'h264 {preset}: no hardware encoder works; {load}')
    return Choice(
        codec, f'h264 {preset}: no hardware encoder works; {load}: frames may have to wait on disk'
    )


def check_depth(contract: Contract) -> None:
    """Refuse depth video where the encoder cannot store 12 bits.

    Raises:
        ContractError: with one problem per depth camera.
    """
    why = missing(DEPTH_CODEC)
    depth = [f for f in contract.cameras if f.depth is not None and f.is_video]
    if why and depth:
        raise ContractError(
            [f'depth camera "{f.name}": {why}; store pictures with video:=false' for f in depth]
        )


def proof(codec: Codec, size: Size, fps: int) -> str:
    """Encode noisy frames, decode them again; return what is wrong, '' when nothing."""
    if why := missing(codec):
        return why
    try:
        _opened(codec, size, fps)
    except (av.FFmpegError, OSError) as error:
        return f'{codec.encoder}: {error.strerror}'
    feature = Feature('proof', 'video', (*size, 3), None, ())
    sent = noisy_frames(size, _PROOF_FRAMES)
    with tempfile.TemporaryDirectory() as folder:
        path, finished = Path(folder) / 'proof.mp4', Path(folder) / 'finished.mp4'
        try:
            encoder = VideoEncoder(path, feature, fps, codec)
            for frame in sent:
                encoder.add(Picture(*size, 'rgb8', size[1] * 3, frame.tobytes()))
            encoder.close()
            finish(path, finished, fps, len(sent))
            got = list(frames_of(finished, feature))
            keys = _key_frames(finished)
        except EncodeError as error:
            return f'{codec.encoder}: {error.__cause__ or error}'
    if len(got) != len(sent):
        return f'{len(got)} of {len(sent)} frames decode'
    if not all(keys[::GOP]):
        return f'not every {GOP}nd frame is a key frame'
    psnr_db = min(_psnr_db(a, b) for a, b in zip(sent, got, strict=True))
    if psnr_db < _LEAST_PSNR_DB:
        return f'the pictures come back with {psnr_db:.0f} dB, {_LEAST_PSNR_DB:.0f} are needed'
    return ''


def encoding_s(codec: Codec, size: Size, fps: int) -> float:
    """Return the processor seconds that one noisy frame takes, conversion included."""
    frames = [av.VideoFrame.from_ndarray(f, format='rgb24') for f in noisy_frames(size, 4)]
    context = _opened(codec, size, fps)
    # Of the process: x265 works in a thread of its own.
    started_s = time.process_time()
    for number in range(_TIMED_FRAMES):
        frame = frames[number % len(frames)]
        frame.pts = number
        context.encode(frame)
    context.encode(None)
    return (time.process_time() - started_s) / _TIMED_FRAMES


def _opened(codec: Codec, size: Size, fps: int) -> Any:
    context = av.CodecContext.create(codec.encoder, 'w')
    context.height, context.width = size
    context.pix_fmt = codec.pix_fmt
    context.time_base = Fraction(1, fps)
    context.framerate = fps
    context.gop_size = GOP
    context.options = {'g': str(GOP), **codec.options}
    open_codec(codec, context)
    return context


def noisy_frames(size: Size, count: int) -> list[NDArray[np.uint8]]:
    """Return `(height, width, 3)` RGB frames like a camera's: slopes that move, and noise."""
    height, width = size
    random = np.random.default_rng(1)
    x = np.linspace(0, 255, width, dtype=np.float32)
    y = np.linspace(0, 255, height, dtype=np.float32)[:, None]
    slopes = np.stack(np.broadcast_arrays(x, y, (x + y) / 2), axis=-1)
    noisy = (slopes + random.normal(0, 4, slopes.shape).astype(np.float32)).clip(0, 255)
    first = noisy.astype(np.uint8)
    return [np.roll(first, 4 * number, axis=1) for number in range(count)]


def _key_frames(path: Path) -> list[bool]:
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.video[0])
        return [bool(packet.is_keyframe) for packet in packets if packet.pts is not None]


def _psnr_db(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    error = float(np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def sizes_of(contract: Contract) -> list[Size]:
    """Return height and width of each camera in colour that is stored as video."""
    return [(f.shape[0], f.shape[1]) for f in contract.cameras if f.is_video and f.depth is None]
