"""One translation: the policy sees what the recorder writes, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from policy_node.runtime.observation import Moment, ObservationError, Observer
from recorder_node.contract.contract import Contract
from recorder_node.dataset.writer import DatasetWriter, describe
from recorder_node.encoding.images import decoded
from recorder_node.encoding.video import CODECS
from recorder_node.episode.take import Take
from recorder_node.streams.buffer import Sample, StreamBuffer
from recorder_node.streams.messages import NS
from recorder_node.streams.pictures import Picture
from recorder_node.streams.sampler import Sampler, grid_ns
from tests.conftest import T0_NS, fill, picture


def test_the_policy_sees_what_the_recorder_writes(
    tmp_path: Path, contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    fill(buffers, 6)
    stored = contract.stored_as_images()
    take = Take(tmp_path / 'ds.recording' / 'take', stored, 30, T0_NS, CODECS['h264'])
    sampler = Sampler(stored, buffers, 30)
    for k in range(6):
        take.add(sampler.row(T0_NS, k), 'pick')
    writer = DatasetWriter(tmp_path / 'ds', describe(stored, 30), resume=False)
    writer.publish(take.seal(), {})
    rows = pq.read_table(writer.root / 'data/chunk-000/file-000.parquet')
    observer = Observer(contract, buffers, 30, max_age_s=0.5)
    for k in range(6):
        seen = observer.observe(grid_ns(T0_NS, k, 30)).values
        assert set(seen) == {'observation.state', 'observation.images.cam0'}
        state = np.array(rows.column('observation.state')[k].as_py(), np.float32)
        assert seen['observation.state'].dtype == np.float32
        np.testing.assert_array_equal(seen['observation.state'], state)
        file = rows.column('observation.images.cam0')[k]['bytes'].as_py()
        np.testing.assert_array_equal(
            seen['observation.images.cam0'], decoded(file, depth=False)[..., ::-1]
        )


def test_blue_first_pictures_are_turned(
    contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    fill(buffers, 1)
    shown = picture(0)
    turned = shown._replace(encoding='bgr8')
    buffers['observation.images.cam0'].push(Sample(T0_NS + NS, T0_NS + NS, 'cam', turned))
    buffers['observation.state'].push(Sample(T0_NS + NS, T0_NS + NS, '', np.zeros(6)))
    seen = Observer(contract, buffers, 30, 0.5).observe(T0_NS + NS)
    flat = np.frombuffer(shown.data, np.uint8).reshape(48, 64, 3)
    np.testing.assert_array_equal(seen.values['observation.images.cam0'], flat[..., ::-1])


def test_what_is_missing_or_old_is_named(
    contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    observer = Observer(contract, buffers, 30, max_age_s=0.1)
    with pytest.raises(ObservationError, match=r'/joints .*has no value'):
        observer.observe(T0_NS)
    fill(buffers, 1)
    observer.observe(T0_NS)
    with pytest.raises(ObservationError, match=r'/joints .*s old, 0.1 s is allowed'):
        observer.observe(T0_NS + 3 * NS // 10)


def test_what_is_allowed_follows_from_the_period(
    contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    fill(buffers, 1)
    latest_ns = T0_NS + 4 * NS // 30 - 2_000_000
    for fps, allowed_s in ((30, 0.5), (10, 1.5)):
        observer = Observer(contract, buffers, fps, max_age_s=0.0)
        observer.observe(latest_ns + round((allowed_s - 0.1) * NS))
        with pytest.raises(ObservationError, match=f'{allowed_s:g} s is allowed'):
            observer.observe(latest_ns + round((allowed_s + 0.1) * NS))


def test_the_message_says_who_was_late(
    contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    observer = Observer(contract, buffers, 30, max_age_s=0.5)
    fill(buffers, 1)
    with pytest.raises(ObservationError, match=r'nothing has come for .* node has paused'):
        observer.observe(T0_NS + NS)
    measured_ns = T0_NS + NS
    for buffer in buffers.values():
        value = picture(0) if 'images' in buffer.key else np.zeros(6)
        buffer.push(Sample(measured_ns, measured_ns + 9 * NS // 10, '', value))
    with pytest.raises(ObservationError, match=r'came 0.90 s after it was measured; the network'):
        observer.observe(measured_ns + NS)


def test_a_damaged_picture_is_the_one_before_for_as_long_as_that_may_be_old(
    contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    observer = Observer(contract, buffers, 30, max_age_s=0.3)

    def observe(ms: int, shown: Picture) -> Moment:
        t_ns = T0_NS + ms * 1_000_000
        buffers['observation.images.cam0'].push(Sample(t_ns, t_ns, 'cam', shown))
        buffers['observation.state'].push(Sample(t_ns, t_ns, '', np.zeros(6)))
        return observer.observe(t_ns)

    damaged = Picture(48, 64, 'compressed', 0, b'\xff\xd8 no picture')
    with pytest.raises(ObservationError, match=r'cam0: a compressed picture is damaged'):
        observe(0, damaged)
    good = observe(100, picture(3))
    for ms in (200, 400):
        held = observe(ms, damaged)
        name = 'observation.images.cam0'
        np.testing.assert_array_equal(held.values[name], good.values[name])
        assert held.oldest_ns == (ms - 100) * 1_000_000
    with pytest.raises(ObservationError, match='damaged'):
        observe(500, damaged)


def test_messages_that_were_refused_are_named_as_the_cause(
    contract: Contract, buffers: dict[str, StreamBuffer]
) -> None:
    observer = Observer(contract, buffers, 30, max_age_s=0.3)
    fill(buffers, 1)
    for _ in range(7):
        buffers['observation.state'].refuse('malformed', 'not a number')
    with pytest.raises(ObservationError, match='7 messages refused, last: not a number'):
        observer.observe(T0_NS + NS)
