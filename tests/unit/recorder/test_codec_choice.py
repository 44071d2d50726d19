"""The encoder that a session uses: hardware that proved itself, else what the processor can do."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from recorder_node.encoding import codec_choice, codecs
from recorder_node.encoding.codec_choice import check_depth, choose_codec, proof, sizes_of
from recorder_node.encoding.codecs import CODECS, HARDWARE, Codec
from recorder_node.encoding.video import VideoEncoder
from recorder_node.errors import ContractError
from so101_driver.common.errors import ConfigError
from tests.conftest import small_contract, wait_until
from tests.kinds import kinds_contract

VGA = (480, 640)


def never(codec: Codec, size: tuple[int, int], fps: int) -> str:
    return 'no such device'


def costs(**preset_s: float):
    return lambda codec, size, fps: preset_s[codec.options['preset']]


@pytest.fixture
def all_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PyAV that offers every encoder."""
    monkeypatch.setattr(codec_choice, 'missing', lambda codec: '')


@pytest.mark.usefixtures('all_offered')
def test_the_first_hardware_encoder_that_proves_itself_is_taken() -> None:
    tried = []

    def prove(codec: Codec, size: tuple[int, int], fps: int) -> str:
        tried.append((codec.encoder, size))
        return '' if codec.encoder == 'h264_qsv' and size == VGA else 'no such device'

    choice = choose_codec('auto', [VGA, VGA], 30, prove)
    assert choice.codec is HARDWARE['h264_qsv']
    assert 'h264_qsv: hardware, proved' in choice.reason
    assert tried == [('h264_nvenc', VGA), ('hevc_nvenc', VGA), ('h264_qsv', VGA)]


@pytest.mark.usefixtures('all_offered')
def test_hardware_must_do_every_size() -> None:
    def prove(codec: Codec, size: tuple[int, int], fps: int) -> str:
        return '' if size == VGA else 'too large'

    choice = choose_codec('auto', [VGA, (4320, 7680)], 30, prove, costs(veryfast=0.001), 8)
    assert choice.codec is CODECS['h264']


@pytest.mark.parametrize(
    ('cameras', 'cores', 'preset', 'words'),
    [
        (2, 2, 'veryfast', '0.60 of 2 cores for 2 cameras at 30 fps'),
        (4, 2, 'superfast', '0.96 of 2 cores'),
        (6, 2, 'ultrafast', '0.90 of 2 cores'),
        (6, 12, 'veryfast', '1.80 of 12 cores'),
        (9, 1, 'ultrafast', 'may have to wait on disk'),
    ],
)
def test_the_processor_takes_the_best_preset_that_keeps_up(
    cameras: int, cores: int, preset: str, words: str
) -> None:
    frame_s = costs(veryfast=0.010, superfast=0.008, ultrafast=0.005)
    choice = choose_codec('auto', [VGA] * cameras, 30, never, frame_s, cores)
    assert choice.codec.options['preset'] == preset
    assert words in choice.reason


def test_depth_cameras_count_for_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    frame_s = costs(veryfast=0.010, superfast=0.008, ultrafast=0.005)
    choice = choose_codec('auto', [VGA] * 2, 30, never, frame_s, 2, busy_cores=0.45)
    assert choice.codec.options['preset'] == 'superfast'
    monkeypatch.setattr(codec_choice, 'proof', never)
    monkeypatch.setattr(codec_choice, 'encoding_s', lambda codec, size, fps: 1.0)
    assert '60.00 of' in codec_choice.choose_for(kinds_contract(), 'auto', 30).reason


def test_an_encoder_asked_for_is_taken_or_refused_with_what_works() -> None:
    def prove(codec: Codec, size: tuple[int, int], fps: int) -> str:
        return '' if codec.encoder.startswith('lib') else 'no such device'

    assert choose_codec('libsvtav1', [VGA], 30, prove).codec is CODECS['libsvtav1']
    with pytest.raises(ConfigError) as caught:
        choose_codec('h264_nvenc', [VGA], 30, prove)
    assert str(caught.value) == (
        'vcodec h264_nvenc does not work here: no such device; use auto, h264, hevc, libsvtav1'
    )


@pytest.mark.parametrize('name', ['h264', 'hevc', 'libsvtav1'])
def test_software_encoders_prove_themselves(name: str) -> None:
    assert proof(CODECS[name], (48, 64), 30) == ''


def test_what_spoils_the_picture_or_the_key_frames_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    swapped = [frame[..., ::-1] for frame in codec_choice.noisy_frames((48, 64), 8)]
    with monkeypatch.context() as patch:
        patch.setattr(codec_choice, 'frames_of', lambda *_: swapped)
        assert 'dB, 25 are needed' in proof(CODECS['h264'], (48, 64), 30)
        patch.setattr(codec_choice, 'frames_of', lambda *_: swapped[1:])
        assert proof(CODECS['h264'], (48, 64), 30) == '7 of 8 frames decode'
    bare = {name: value for name, value in CODECS['h264'].options.items() if name != 'tune'}
    rare = Codec('libx264', 'h264', {**bare, 'crf': '20', 'g': '50'})
    assert proof(rare, (48, 64), 30) == 'not every 2nd frame is a key frame'
    late = Codec('libx264', 'h264', {**bare, 'crf': '20', 'bf': '2', 'x264-params': 'b-adapt=0'})
    assert proof(late, (48, 64), 30) != ''
    assert 'no encoder libx999' in proof(Codec('libx999', 'h999', {}), (48, 64), 30)


def test_the_cost_of_a_frame_is_measured() -> None:
    assert 0 < codec_choice.encoding_s(CODECS['h264'], (480, 640), 30) < 1


def test_only_colour_counts_for_the_choice_and_depth_needs_twelve_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert sizes_of(kinds_contract()) == [(48, 64)]
    assert sizes_of(kinds_contract(video=False)) == []
    check_depth(kinds_contract())
    monkeypatch.setattr(codec_choice, 'missing', lambda codec: 'no gray12le')
    with pytest.raises(ContractError, match='depth": no gray12le; store pictures with video:='):
        check_depth(kinds_contract())
    check_depth(kinds_contract(video=False))


def test_a_missing_pixel_format_is_named() -> None:
    eight_bits = Codec('libsvtav1', 'av1', {}, 'gray12le')
    assert 'does not offer gray12le' in codecs.missing(eight_bits)


@pytest.mark.skipif(sys.platform != 'linux', reason='threads have priorities on Linux')
def test_encoding_yields_to_what_controls_the_robot(tmp_path: Path) -> None:
    encoder = VideoEncoder(tmp_path / 'a.mp4', small_contract().cameras[0], 30, CODECS['h264'])
    (thread,) = [t for t in threading.enumerate() if t.name == 'encode a']
    own = os.getpriority(os.PRIO_PROCESS, 0)
    wait_until(
        lambda: os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) > own, what='niceness'
    )
    assert os.getpriority(os.PRIO_PROCESS, 0) == own
    encoder.abort()
