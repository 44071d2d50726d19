"""Numbers of messages: every dtype, any shape, exact or refused with topic and value."""

from __future__ import annotations

import array
import math
from types import SimpleNamespace as Message

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder_node.contract.contract import NUMERIC_DTYPES
from recorder_node.contract.contract_file import parse
from recorder_node.errors import StreamError
from recorder_node.streams.buffer import Sample
from recorder_node.streams.messages import MAX_TEXT_BYTES, Units, extractor
from recorder_node.streams.sampler import Sampler, make_buffers
from recorder_node.streams.values import fitter
from tests.conftest import T0_NS

INTEGERS = [dtype for dtype in NUMERIC_DTYPES if 'int' in dtype]


def value(entry: dict, message: Message, name: str = 'f') -> np.ndarray:
    """Return what reaches the row: extracted, joined, in the feature's dtype and shape."""
    feature_entry = {'topic': '/t', **entry}
    contract = parse({'version': 1, 'robot_type': 'x', 'features': {name: feature_entry}})
    feature = contract.features[0]
    reading = extractor(feature, feature.sources[0], Units('degrees'))(message)
    buffers = make_buffers(contract, 1.0)
    buffers[name].push(Sample(T0_NS, T0_NS, '', reading.value))
    row = Sampler(contract, buffers, 30).row(T0_NS, 0)
    return row.texts[name] if feature.is_text else row.values[name]


def highest(dtype: str) -> int:
    """Return the largest value that is taken: lerobot makes int64 of all integers."""
    return min(int(np.iinfo(dtype).max), 2**63 - 1)


def std(kind: str) -> str:
    return f'std_msgs/msg/{kind}'


@pytest.mark.parametrize('dtype', INTEGERS)
@given(number=st.integers(-(2**65), 2**65))
def test_an_integer_is_exact_or_refused(dtype: str, number: int) -> None:
    fit = fitter(dtype, '/t')
    limits = np.iinfo(dtype)
    source = np.array([0, number], 'int64' if abs(number) < 2**63 else object)
    if limits.min <= number <= highest(dtype):
        assert [int(v) for v in fit(source)] == [0, number]
        assert fit(source).dtype == dtype
    else:
        with pytest.raises(StreamError, match=rf'/t: does not fit {dtype}: element 1 is {number}'):
            fit(source)


@pytest.mark.parametrize('dtype', INTEGERS)
@given(number=st.floats())
def test_a_float_for_an_integer_is_whole_and_in_range_or_refused(dtype: str, number: float) -> None:
    fit = fitter(dtype, '/t')
    limits = np.iinfo(dtype)
    whole = math.isfinite(number) and number.is_integer()
    good = whole and limits.min <= number <= highest(dtype)
    if good:
        assert fit(np.array([number])).tolist() == [int(number)]
    else:
        with pytest.raises(StreamError, match='/t: '):
            fit(np.array([number]))


@given(number=st.floats())
def test_a_float_fits_float32_or_is_refused(number: float) -> None:
    fit = fitter('float32', '/t')
    if math.isfinite(number) and abs(number) <= float(np.finfo('float32').max):
        assert fit(np.array([number])).tolist() == [number]
    else:
        with pytest.raises(StreamError, match='element 0'):
            fit(np.array([number]))


@pytest.mark.parametrize('dtype', INTEGERS)
@pytest.mark.parametrize('many', [False, True])
def test_every_integer_message_keeps_its_limits(dtype: str, many: bool) -> None:
    kind = ('UInt' if dtype.startswith('u') else 'Int') + dtype.split('int')[1]
    limits = np.iinfo(dtype)
    if not many:
        for number in (limits.min, highest(dtype)):
            got = value({'type': std(kind)}, Message(data=int(number)))
            assert (got.dtype, got.tolist()) == (dtype, [number])
        return
    code = {8: 'b', 16: 'h', 32: 'i', 64: 'q'}[limits.bits]
    data = array.array(code.upper() if limits.min == 0 else code, [int(limits.min), highest(dtype)])
    got = value({'type': std(f'{kind}MultiArray'), 'width': 2}, Message(data=data))
    assert (got.dtype, got.tolist()) == (dtype, [limits.min, highest(dtype)])


def test_bytes_of_a_uint8_array() -> None:
    got = value({'type': std('UInt8MultiArray'), 'width': 2}, Message(data=b'\x00\xff'))
    assert got.tolist() == [0, 255]


@pytest.mark.parametrize(
    ('entry', 'data', 'words'),
    [
        ({'type': std('Float64'), 'dtype': 'int8'}, 0.5, 'not a whole number'),
        ({'type': std('Float64'), 'dtype': 'int8'}, float('nan'), 'not a whole number'),
        ({'type': std('Float64'), 'dtype': 'float32'}, 1e39, 'does not fit float32'),
        ({'type': std('Float64')}, float('inf'), 'not finite'),
        ({'type': std('Int16'), 'dtype': 'uint8'}, -1, 'element 0 is -1'),
        ({'type': std('Int32'), 'dtype': 'bool'}, 2, 'does not fit bool: element 0 is 2'),
        ({'type': std('String')}, 'x' * (MAX_TEXT_BYTES + 1), 'at most'),
        ({'type': std('String')}, '\ud800', 'not Unicode'),
    ],
)
def test_what_does_not_fit_names_topic_and_value(entry: dict, data: object, words: str) -> None:
    with pytest.raises(StreamError, match='/t: ') as caught:
        value(entry, Message(data=data))
    assert words in str(caught.value)


def test_a_flag_and_its_number() -> None:
    assert value({'type': std('Bool')}, Message(data=True)).tolist() == [True]
    assert value({'type': std('Bool')}, Message(data=True)).dtype == bool
    assert value({'type': std('Bool'), 'dtype': 'float32'}, Message(data=True)).dtype == np.float32
    assert value({'type': std('Float32')}, Message(data=0.5), 'next.reward').tolist() == [0.5]


def test_a_text() -> None:
    assert value({'type': std('String')}, Message(data='ü\n"')) == 'ü\n"'


def layout(*sizes: int) -> Message:
    return Message(dim=[Message(size=size) for size in sizes])


@pytest.mark.parametrize('shape', [[6], [2, 3], [3, 1, 2], [1, 1, 1, 2, 3], [1, 6]])
def test_an_array_has_the_contracts_shape(shape: list[int]) -> None:
    entry = {'type': std('Float64MultiArray'), 'shape': shape, 'dtype': 'float64'}
    data = array.array('d', range(6))
    got = value(entry, Message(data=data, layout=layout()))
    assert got.tolist() == np.arange(6.0).reshape(shape).tolist()
    assert value(entry, Message(data=data, layout=layout(*shape))).shape == tuple(shape)
    with pytest.raises(StreamError, match='7 values, the contract says 6'):
        value(entry, Message(data=array.array('d', range(7)), layout=layout()))


def test_an_array_of_another_layout_is_refused() -> None:
    entry = {'type': std('Float64MultiArray'), 'shape': [2, 3]}
    message = Message(data=array.array('d', range(6)), layout=layout(3, 2))
    with pytest.raises(StreamError, match=r'shape \[3, 2\], the contract says \[2, 3\]'):
        value(entry, message)


def test_joints_may_make_a_matrix() -> None:
    entry = {'type': 'sensor_msgs/msg/JointState', 'joints': ['a', 'b', 'c', 'd'], 'shape': [2, 2]}
    header = Message(stamp=Message(sec=1, nanosec=0), frame_id='')
    message = Message(header=header, name=['d', 'c', 'b', 'a'], position=[4.0, 3.0, 2.0, 1.0])
    contract = parse({'version': 1, 'robot_type': 'x', 'features': {'f': {'topic': '/t', **entry}}})
    assert (contract.features[0].shape, contract.features[0].names) == ((2, 2), None)
    assert value(entry, message).tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    'name', ['with space', 'ünïcödé 机器人', 'a{b}%d"quoted"', "it's", '%s', 'a.b.c', 'x' * 200]
)
def test_odd_names_are_legal(name: str) -> None:
    assert value({'type': std('Float32')}, Message(data=1.0), name).tolist() == [1.0]
