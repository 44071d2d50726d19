"""The video encoders that the recorder can drive, with the options that make their files alike.

Constant quality as LeRobot has it, a key frame every second frame, and no look-ahead: frame n is
packet n and leaves the encoder at once (AV1: soon), so a cut costs the last frames only.

Encoders that take only frames in the memory of a GPU (VAAPI) are left out: PyAV cannot move the
frames of a message there.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import av

from recorder_node.encoding.background import with_idle_threads

# SVT-AV1 prints its settings to stderr unless told to report errors only.
os.environ.setdefault('SVT_LOG', '1')

GOP = 2
CRF = 30
_CRF = {'crf': str(CRF)}
# Half the time and a fifth of the bytes of SVT-AV1's low-delay structure, for noisy pictures; a
# frame leaves eight frames later. Packets stay in the order of the frames.
_SVT_AV1 = 'lp=1:hierarchical-levels=2:lookahead=0:enable-tf=0'
# One thread and no pool: encoding shall not starve what controls the robot.
_X265 = 'bframes=0:rc-lookahead=0:open-gop=0:pools=none:frame-threads=1:no-wpp=1:log-level=error'


@dataclasses.dataclass(frozen=True)
class Codec:
    """An encoder with its options; `name` is what info.json calls the stream's codec."""

    encoder: str
    name: str
    options: dict[str, str]
    pix_fmt: str = 'yuv420p'
    is_hardware: bool = False


def _x264(preset: str) -> Codec:
    options = {'preset': preset, 'tune': 'zerolatency', 'bf': '0', 'threads': '1'}
    return Codec('libx264', 'h264', {**_CRF, **options})


def _hardware(suffix: str, options: dict[str, str], pix_fmt: str = 'yuv420p') -> dict[str, Codec]:
    return {
        f'{name}_{suffix}': Codec(f'{name}_{suffix}', name, {'bf': '0', **options}, pix_fmt, True)
        for name in ('h264', 'hevc')
    }


# H.264 veryfast takes about 2.4 ms of one core for a noisy 640x480 frame, conversion included,
# where medium takes 4.1 ms for a file of the same size.
CPU_H264 = tuple(_x264(preset) for preset in ('veryfast', 'superfast', 'ultrafast'))
HARDWARE = {
    **_hardware('nvenc', {'rc': 'constqp', 'qp': str(CRF)}),
    **_hardware('qsv', {'global_quality': str(CRF), 'async_depth': '1'}, 'nv12'),
    **_hardware('videotoolbox', {'q:v': '40', 'realtime': '1'}),
    **_hardware('amf', {'rc': 'cqp', 'qp_i': str(CRF), 'qp_p': str(CRF)}),
}
CODECS = {
    'h264': CPU_H264[0],
    'hevc': Codec(
        'libx265',
        'hevc',
        {**_CRF, 'preset': 'ultrafast', 'threads': '1', 'x265-params': _X265},
    ),
    'libsvtav1': Codec('libsvtav1', 'av1', {**_CRF, 'preset': '12', 'svtav1-params': _SVT_AV1}),
    **HARDWARE,
}
# Small blocks and no search beyond the next pixel take half the time of x265's fastest preset
# for noisy depth; the files are the same size.
DEPTH_CODEC = Codec(
    'libx265',
    'hevc',
    {
        **_CRF,
        'preset': 'ultrafast',
        'threads': '1',
        'x265-params': f'{_X265}:lossless=1:ctu=16:rd=1:me=dia:merange=8:subme=0:ref=1',
    },
    'gray12le',
)


def open_codec(codec: Codec, context: Any) -> None:
    """Open an encoder's PyAV context; the threads of one on the processor stay in the background.

    Raises:
        av.FFmpegError: when it does not work here.
    """
    if codec.is_hardware:
        context.open()
    else:
        with_idle_threads(context.open)


def missing(codec: Codec) -> str:
    """Return why this PyAV cannot encode so, '' when it offers the encoder and pixel format."""
    try:
        formats = av.codec.Codec(codec.encoder, 'w').video_formats or []
    except ValueError:
        return f'PyAV {av.__version__} has no encoder {codec.encoder}'
    names = [entry.name for entry in formats]
    if names and codec.pix_fmt not in names:
        return f'{codec.encoder} of PyAV {av.__version__} does not offer {codec.pix_fmt}'
    return ''
