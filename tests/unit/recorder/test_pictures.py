"""Pictures at the door: every encoding, what is refused on arrival, and damaged ones in a take."""

from __future__ import annotations

import struct
from pathlib import Path
from types import SimpleNamespace as Message

import cv2
import numpy as np
import pytest

from recorder_node.contract.contract import Contract
from recorder_node.contract.contract_file import parse
from recorder_node.encoding.camera_writer import CameraWriter
from recorder_node.encoding.codecs import CODECS
from recorder_node.encoding.images import ImageFile, ImageWriter
from recorder_node.encoding.video import VideoEncoder
from recorder_node.errors import EncodeError, StreamError
from recorder_node.streams.coded_pictures import decoded
from recorder_node.streams.messages import Extractor, Units, extractor
from recorder_node.streams.pictures import ENCODINGS, Picture, check, depth_of, pixels


def header(sec: int = 5, nanosec: int = 7, frame_id: str = '') -> Message:
    return Message(stamp=Message(sec=sec, nanosec=nanosec), frame_id=frame_id)


CAMERA = {'topic': '/c', 'type': 'sensor_msgs/msg/Image', 'shape': [48, 64, 3]}


def camera_contract() -> Contract:
    return parse({'version': 1, 'robot_type': 'x', 'features': {'observation.images.c': CAMERA}})


def test_a_picture_of_another_size_is_refused() -> None:
    feature = camera_contract().features[0]
    extract = extractor(feature, feature.sources[0], Units('degrees'))
    good = Message(
        header=header(), height=48, width=64, encoding='rgb8', step=192, data=bytes(48 * 192)
    )
    assert extract(good).value.step == 192
    good.width = 32
    with pytest.raises(StreamError, match='32x48, the contract says 64x48'):
        extract(good)


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_every_encoding_becomes_three_channels(encoding: str) -> None:
    step = 64 * 4 + 16
    shown, layout = pixels(Picture(48, 64, encoding, step, bytes(72 * step)))
    assert shown.shape == (48, 64, 3)
    assert layout in ('rgb24', 'bgr24')


def test_channel_order_and_padding_are_respected() -> None:
    bgra = np.zeros((48, 70, 4), np.uint8)
    bgra[:, :64] = (10, 20, 30, 255)
    bgra[:, 64:] = 99
    shown, layout = pixels(Picture(48, 64, 'bgra8', 280, bgra.tobytes()))
    assert layout == 'rgb24'
    assert (shown == (30, 20, 10)).all()


def test_a_red_bayer_pixel_stays_red() -> None:
    mosaic = np.zeros((48, 64), np.uint8)
    mosaic[::2, ::2] = 200
    shown, _ = pixels(Picture(48, 64, 'bayer_rggb8', 64, mosaic.tobytes()))
    assert shown[10:30, 10:30].mean(axis=(0, 1)).argmax() == 0


def test_unknown_encodings_and_short_buffers_are_refused_on_arrival() -> None:
    with pytest.raises(StreamError, match='"16UC1" is not supported'):
        check(Picture(48, 64, '16UC1', 128, bytes(48 * 128)), '/c')
    with pytest.raises(StreamError, match='10 bytes for 48 rows'):
        check(Picture(48, 64, 'rgb8', 192, bytes(10)), '/c')


@pytest.mark.parametrize('step', [0, 191])
def test_a_step_that_is_too_small_is_refused_on_arrival(step: int) -> None:
    with pytest.raises(StreamError, match=f'a step of {step} bytes for rows of 64 pixels in rgb8'):
        check(Picture(48, 64, 'rgb8', step, bytes(48 * 192)), '/c')


def test_two_planes_need_half_the_rows_more() -> None:
    check(Picture(48, 64, 'nv12', 64, bytes(72 * 64)), '/c')
    with pytest.raises(StreamError, match='3072 bytes for 72 rows'):
        check(Picture(48, 64, 'nv12', 64, bytes(48 * 64)), '/c')


@pytest.mark.parametrize(('encoding', 'order'), [('nv12', (0, 1)), ('nv21', (1, 0))])
def test_two_planes_keep_their_colour(encoding: str, order: tuple[int, int]) -> None:
    red = np.full((48, 64, 3), (200, 30, 30), np.uint8)
    y, cr, cb = cv2.split(cv2.cvtColor(red, cv2.COLOR_RGB2YCrCb))
    # OpenCV's YUV is of the narrow range of video.
    planes = np.full((72, 80), 99, np.uint8)
    planes[:48, :64] = np.round(16 + y * (219 / 255))
    for place, plane in zip(order, (cb, cr), strict=True):
        planes[48:, place:64:2] = plane[:24, :32]
    shown, layout = pixels(Picture(48, 64, encoding, 80, planes.tobytes()))
    assert layout == 'rgb24'
    assert np.abs(shown.astype(int) - red).max() < 20


@pytest.mark.parametrize('big_endian', [False, True])
def test_gray_of_16_bits_keeps_its_upper_8(big_endian: bool) -> None:
    values = np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype('>u2' if big_endian else '<u2')
    shown, _ = pixels(Picture(48, 64, 'mono16', 128, values.tobytes(), big_endian))
    assert (shown == (values >> 8).astype(np.uint8)[..., None]).all()


def camera(coded: bool = True, **values: object) -> Extractor:
    kind = 'CompressedImage' if coded else 'Image'
    entry = {**CAMERA, 'type': f'sensor_msgs/msg/{kind}', **values}
    contract = parse({'version': 1, 'robot_type': 'x', 'features': {'observation.images.c': entry}})
    feature = contract.features[0]
    return extractor(feature, feature.sources[0], Units('degrees'))


def coded(data: bytes, format_name: str = 'jpeg') -> Message:
    return Message(header=header(), format=format_name, data=data)


def photo(height: int = 48, width: int = 64, ending: str = '.jpg') -> bytes:
    rng = np.random.default_rng(1)
    image = cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (width, height))
    return bytes(cv2.imencode(ending, image)[1])


@pytest.mark.parametrize('ending', ['.jpg', '.png', '.webp', '.bmp'])
def test_coded_pictures_are_read(ending: str) -> None:
    picture = camera()(coded(photo(ending=ending))).value
    assert isinstance(picture, Picture)
    shown, layout = pixels(decoded(picture))
    assert (shown.shape, layout) == ((48, 64, 3), 'bgr24')


def test_what_a_camera_fills_its_buffer_up_with_does_not_matter() -> None:
    camera()(coded(photo() + bytes(5000)))


@pytest.mark.parametrize(
    ('data', 'format_name', 'words'),
    [
        (b'', 'jpeg', 'an empty picture'),
        (photo()[:-2], 'jpeg', 'a JPEG of .* bytes that is cut or damaged'),
        (photo()[: len(photo()) // 2], 'jpeg', 'cut or damaged'),
        (photo(ending='.png')[:-12], 'png', 'a PNG of .* bytes that is cut or damaged'),
        (photo(32, 48), 'jpeg', '48x32, the contract says 64x48'),
        (photo(32, 48, '.png'), 'png', '48x32, the contract says 64x48'),
        (photo(32, 48, '.bmp'), 'bmp', '48x32, the contract says 64x48'),
        (bytes([0, 0, 0, 1, 0x67]) * 40, 'h264', 'format "h264" is no picture'),
        (bytes(12) + photo(), '16UC1; compressedDepth png', 'this is compressed depth'),
    ],
)
def test_what_cannot_be_stored_is_refused_on_arrival(
    data: bytes, format_name: str, words: str
) -> None:
    with pytest.raises(StreamError, match=f'/c: .*{words}'):
        camera()(coded(data, format_name))


def test_the_first_picture_of_a_kind_is_decoded_for_real() -> None:
    damaged = bytearray(photo(ending='.png'))
    at = damaged.index(b'IDAT') + 4
    damaged[at : at + 20] = bytes(20)
    with pytest.raises(StreamError, match='/c: a compressed picture is damaged'):
        camera()(coded(bytes(damaged), 'png'))


def depth_png(values: np.ndarray, a: float = 0.0, b: float = 0.0) -> bytes:
    return struct.pack('<iff', 0, a, b) + bytes(cv2.imencode('.png', values)[1])


def test_compressed_depth_in_millimetres() -> None:
    values = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
    read = camera(shape=[48, 64, 1])
    picture = read(coded(depth_png(values), '16UC1; compressedDepth png')).value
    feature = parse_depth('mm')
    assert feature.depth is not None
    assert isinstance(picture, Picture)
    np.testing.assert_array_equal(depth_of(decoded(picture), feature.depth), values)


def test_compressed_depth_in_metres_comes_back_from_its_inverse() -> None:
    metres = np.linspace(0.3, 8.0, 48 * 64, dtype=np.float32).reshape(48, 64)
    metres[0, 0] = np.nan
    # As the plugin chooses them for 10 m at most and a precision of 100 at it.
    a = 100.0 * 101.0
    b = 1.0 - a / 10.0
    codes = np.where(np.isfinite(metres), a / metres + b, 0).astype(np.uint16)
    read = camera(shape=[48, 64, 1], depth={'unit': 'm'})
    picture = read(coded(depth_png(codes, a, b), '32FC1; compressedDepth png')).value
    feature = parse_depth('m')
    assert feature.depth is not None
    assert isinstance(picture, Picture)
    shown = depth_of(decoded(picture), feature.depth)
    assert shown[0, 0] == 0
    np.testing.assert_allclose(shown.ravel()[1:], metres.ravel()[1:], rtol=0.01)


def parse_depth(unit: str) -> object:
    entry = {**CAMERA, 'shape': [48, 64, 1], 'depth': {'unit': unit}}
    contract = parse({'version': 1, 'robot_type': 'x', 'features': {'observation.images.c': entry}})
    return contract.features[0]


@pytest.mark.parametrize(
    ('data', 'format_name', 'words'),
    [
        (photo(), 'jpeg', 'format "jpeg" for depth in mm; it must be "16UC1; compressedDepth png"'),
        (depth_png(np.ones((48, 64), np.uint16)), '32FC1; compressedDepth', 'for depth in mm'),
        (bytes(500), '16UC1; compressedDepth rvl', 'for depth in mm'),
        (bytes(500), '16UC1; compressedDepth png', 'a PNG of .* that is cut or damaged'),
        (depth_png(np.ones((8, 8), np.uint16)), '16UC1; compressedDepth', '8x8, the contract'),
        (depth_png(np.ones((48, 64), np.uint8)), '16UC1; compressedDepth', 'a PNG of 8 bits'),
    ],
)
def test_other_depth_is_refused_on_arrival(data: bytes, format_name: str, words: str) -> None:
    with pytest.raises(StreamError, match=words):
        camera(shape=[48, 64, 1])(coded(data, format_name))


def damaged_picture() -> Picture:
    return Picture(48, 64, 'compressed', 0, b'\xff\xd8 no picture')


def whole_picture() -> Picture:
    return Picture(48, 64, 'compressed', 0, photo())


@pytest.fixture(params=['video', 'images'])
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> CameraWriter:
    feature = camera_contract().features[0]
    if request.param == 'video':
        return VideoEncoder(tmp_path / 'c.mp4', feature, 30, CODECS['h264'])
    return ImageWriter(tmp_path / 'c.images', feature)


@pytest.mark.parametrize('pattern', ['gdg', 'dgg', 'ddg', 'gdd', 'gddgdg'])
def test_a_damaged_picture_in_a_take_is_its_neighbour_and_counted(
    writer: CameraWriter, pattern: str
) -> None:
    for letter in pattern:
        writer.add(whole_picture() if letter == 'g' else damaged_picture())
    writer.close()
    assert writer.frames == len(pattern)
    assert writer.damaged == pattern.count('d')
    assert writer.damage == 'a compressed picture is damaged'
    if isinstance(writer, ImageWriter):
        assert len(set(ImageFile(writer.path))) == 1


def test_a_camera_that_sends_only_damaged_pictures_has_failed(writer: CameraWriter) -> None:
    writer.add(whole_picture())
    for _ in range(40):
        try:
            writer.add(damaged_picture())
        except EncodeError:
            break
    with pytest.raises(EncodeError, match='frame 31: a compressed picture is damaged'):
        writer.close()
