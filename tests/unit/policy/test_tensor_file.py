"""Files that are no safetensors, or lie: refused in words, before anything is allocated."""

from __future__ import annotations

import json
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.policy_fixtures import write_safetensors
from policy_node.checkpoint.tensor_file import TensorFile
from policy_node.errors import CheckpointError

LIMIT = 2**20


def write(path: Path, header: Any, content: bytes = b'') -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack('<Q', len(text)) + text + content)
    return path


def entry(shape: list[int], start: int, end: int, dtype: str = 'F32') -> dict[str, Any]:
    return {'dtype': dtype, 'shape': shape, 'data_offsets': [start, end]}


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as error:
        TensorFile(path, LIMIT)
    assert str(path) in str(error.value)
    return str(error.value)


def test_tensors_come_back(tmp_path: Path) -> None:
    tensors = {
        'a': np.arange(6, dtype=np.float32).reshape(2, 3),
        'half': np.ones(3, np.float16),
        'count': np.array(7, np.int64),
        'empty': np.zeros((0, 4), np.float32),
    }
    write_safetensors(tmp_path / 'x', tensors)
    file = TensorFile(tmp_path / 'x', LIMIT)
    read = file.read(file.entries)
    assert {k: v.tolist() for k, v in read.items()} == {k: v.tolist() for k, v in tensors.items()}
    assert read['half'].dtype == torch.float16


def test_a_hundred_gigabytes_are_not_allocated(tmp_path: Path) -> None:
    size = 100 * 10**9
    header = {'w': entry([size // 4], 0, size)}
    path = write(tmp_path / 'x', header, b'\0' * 64)
    tracemalloc.start()
    words = refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 'declares 100.0 GB' in words
    assert 'truncated' in words
    assert peak < 10**6


def test_a_hundred_gigabytes_that_are_there_are_not_read(tmp_path: Path) -> None:
    size = 100 * 10**9
    path = write(tmp_path / 'x', {'w': entry([size // 4], 0, size)})
    with path.open('r+b') as file:
        file.truncate(path.stat().st_size + size)
    assert '100.0 GB' in refusal(path)


def test_truncated(tmp_path: Path) -> None:
    write_safetensors(tmp_path / 'x', {'a': np.ones(100, np.float32)})
    whole = (tmp_path / 'x').read_bytes()
    for length in (0, 5, 8, 40, len(whole) - 1):
        (tmp_path / 'x').write_bytes(whole[:length])
        assert 'truncated' in refusal(tmp_path / 'x')


def test_other_lies(tmp_path: Path) -> None:
    path = tmp_path / 'x'
    path.write_bytes(struct.pack('<Q', 2**62) + b'{}')
    assert 'no safetensors file' in refusal(path)
    assert 'not JSON' in refusal(write(path, b'\x80\x04pickled'))
    assert 'no JSON object' in refusal(write(path, [1]))
    assert 'unknown dtype' in refusal(write(path, {'w': entry([1], 0, 4, 'C64')}, b'1234'))
    assert 'needs 8 bytes' in refusal(write(path, {'w': entry([2], 0, 4)}, b'1234'))
    assert 'no proper shape' in refusal(write(path, {'w': entry([-1], 0, 4)}, b'1234'))
    assert 'no proper shape' in refusal(write(path, {'w': entry([True], 0, 4)}, b'1234'))
    assert 'not described' in refusal(write(path, {'w': 3}))
    assert 'cannot be read' in refusal(tmp_path / 'nowhere')


def test_every_wrong_tensor_is_named(tmp_path: Path) -> None:
    header = {'one': 1, 'two': entry([1], 0, 5), 'good': entry([1], 0, 4)}
    words = refusal(write(tmp_path / 'x', header, b'12345'))
    assert '"one"' in words
    assert '"two"' in words
    assert '"good"' not in words


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = tmp_path_factory.mktemp('any') / 'x'
    path.write_bytes(content)
    try:
        file = TensorFile(path, LIMIT)
    except CheckpointError:
        return
    file.read(file.entries)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(['w', 'dtype', '__metadata__', 'x']), json_values))
def test_any_header_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, header: Any):
    path = write(tmp_path_factory.mktemp('any') / 'x', header, b'12345678')
    try:
        file = TensorFile(path, LIMIT)
    except CheckpointError:
        return
    file.read(file.entries)
