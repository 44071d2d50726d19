"""Rows on the grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder_node.contract.contract import Contract
from recorder_node.contract.contract_file import parse
from recorder_node.streams.buffer import Sample, StreamBuffer
from recorder_node.streams.messages import NS
from recorder_node.streams.sampler import RowError, Sampler, grid_ns, make_buffers
from tests.conftest import T0_NS, fill, picture


@given(st.integers(0, 1_000_000), st.integers(1, 240))
def test_the_grid_never_drifts(index: int, fps: int) -> None:
    exact = index * NS / fps
    assert abs(grid_ns(0, index, fps) - exact) <= 1
    assert grid_ns(T0_NS, fps, fps) == T0_NS + NS


def test_a_row_holds_every_feature(contract: Contract, buffers: dict[str, StreamBuffer]) -> None:
    fill(buffers, 10)
    row = Sampler(contract, buffers, 30).row(T0_NS, 4)
    assert row.values['action'].dtype == np.float32
    np.testing.assert_allclose(row.values['action'], np.sin(0.4 + np.arange(6.0)), rtol=1e-6)
    assert row.pictures['observation.images.cam0'] == picture(7)
    assert row.picks['observation.state'].age_ns == 1_000_000
    assert not row.stale


def test_a_silent_stream_is_stale_and_repeated(
    contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    fill(buffers, 2)
    row = Sampler(contract, buffers, 30).row(T0_NS, 30)
    assert set(row.stale) == set(buffers)
    np.testing.assert_allclose(row.values['action'], np.sin(0.5 + np.arange(6.0)), rtol=1e-6)


def test_nothing_is_invented(contract: Contract, buffers: dict[str, StreamBuffer]) -> None:
    with pytest.raises(RowError, match='/applied'):
        Sampler(contract, buffers, 30).row(T0_NS, 0)


def test_sources_of_one_feature_are_joined() -> None:
    contract = parse(
        {
            'version': 1,
            'robot_type': 'x',
            'features': {
                'observation.state': {
                    'names': ['a', 'b', 'c'],
                    'sources': [
                        {'topic': '/l', 'type': 'std_msgs/msg/Float32'},
                        {'topic': '/r', 'type': 'std_msgs/msg/Float64MultiArray', 'width': 2},
                    ],
                }
            },
        }
    )
    buffers = make_buffers(contract, 1.0)
    assert list(buffers) == ['observation.state#0', 'observation.state#1']
    buffers['observation.state#0'].push(Sample(T0_NS, T0_NS, '', np.array([1.0])))
    buffers['observation.state#1'].push(Sample(T0_NS, T0_NS, '', np.array([2.0, 3.0])))
    row = Sampler(contract, buffers, 10).row(T0_NS, 0)
    assert row.values['observation.state'].tolist() == [1.0, 2.0, 3.0]
