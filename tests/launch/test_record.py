"""Launch files that end with a dataset, which is read back."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from recorder_node.dataset.check import Checker
from recorder_node.streams.messages import NS
from so101_driver.arm import units
from so101_driver.cameras.coded_picture import decode
from tests.conftest import JOINTS
from tests.launch.fidelity import (
    FOLLOWER,
    best_lag,
    check_applied,
    column,
    episode_frames,
    frames,
    match_frames,
)
from tests.launch.listening import Listener
from tests.launch.session import launched


def motion(rows: int, phase: float) -> np.ndarray:
    """Return a smooth motion in per cent, shape (rows, 6)."""
    t = np.arange(rows)[:, None] / 30
    arm = 35 * np.sin(0.9 * t + phase + np.arange(5)) * np.array([1, 0.6, 0.6, 0.8, 1])
    return np.hstack([arm, 50 + 40 * np.sin(0.7 * t + phase)])


def write_motions(path: Path, motions: list[np.ndarray]) -> None:
    rows = np.concatenate(motions)
    flat = pa.array(rows.astype(np.float32).ravel())
    index = np.concatenate([np.full(len(m), i) for i, m in enumerate(motions)])
    frame = np.concatenate([np.arange(len(m)) for m in motions])
    pq.write_table(
        pa.table({
            'action': pa.FixedSizeListArray.from_arrays(flat, 6),
            'timestamp': pa.array((frame / 30).astype(np.float32)),
            'frame_index': pa.array(frame),
            'episode_index': pa.array(index),
        }),
        path,
    )  # fmt: skip


def write_video(path: Path, count: int = 90) -> None:
    """Write a video whose frames can be told apart."""
    random = np.random.default_rng(3)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=30, options={'crf': '12', 'bf': '0'})
        stream.width, stream.height, stream.pix_fmt = 640, 480, 'yuv420p'
        for _ in range(count):
            blocks = random.integers(30, 220, (12, 16, 3), np.uint8)
            image = np.kron(blocks, np.ones((40, 40, 1), np.uint8))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode(None))


@pytest.mark.parametrize('mode', ['degrees', 'range_m100_100'])
def test_replayed_motions_become_a_dataset(tmp_path: Path, mode: str) -> None:
    motions = [motion(120, 0.0), motion(120, 1.0)]
    write_motions(tmp_path / 'motion.parquet', motions)
    write_video(tmp_path / 'camera.mp4')
    with launched(
        tmp_path, leader_motion='motion.parquet', leader_motion_units='range_m100_100',
        camera_source='camera.mp4', num_episodes=2, episode_time_s=4, reset_time_s=3, units=mode,
    ) as session:  # fmt: skip
        session.wait_for('connected')
        with Listener(session.domain) as listener:
            assert session.wait() == 0, session.log
    assert Checker(session.root).run() == []
    for episode, source in enumerate(motions):
        if mode == 'degrees':
            angles = units.units_to_rad(source, JOINTS, 'range_m100_100', FOLLOWER)
            source = units.rad_to_units(angles, JOINTS, 'degrees', FOLLOWER)
        for name, bound in (('action', 1.5), ('observation.state', 3.0)):
            lag_s, rms = best_lag(source, column(session.root, name, episode), 30, 30)
            print(f'{mode} episode {episode} {name}: lag {lag_s:.3f} s, RMS {rms.round(2)}')
            assert np.sqrt((rms**2).mean()) < bound
        check_applied(session.root, episode, mode, listener.by_stamp)
    check_pictures(session.root, frames(tmp_path / 'camera.mp4'))


def test_two_pairs_of_arms_become_one_dataset(tmp_path: Path) -> None:
    with launched(tmp_path, file='bimanual_record.launch.py', episode_time_s=3) as session:
        assert session.wait() == 0, session.log
    assert Checker(session.root).run() == []
    info = json.loads((session.root / 'meta/info.json').read_text())
    names = info['features']['action']['names']
    assert [names[0], names[-1]] == ['left_shoulder_pan.pos', 'right_gripper.pos']
    actions = column(session.root, 'action', 0)
    assert actions.shape == (90, 12)
    assert (np.ptp(actions, axis=0) > 0.5).all(), 'both arms move in all joints'


def check_pictures(root: Path, source: list[np.ndarray]) -> None:
    """Every row shows a frame of the source, and they go forward."""
    for camera in ('front', 'wrist'):
        for episode in (0, 1):
            shown = episode_frames(root, f'observation.images.{camera}', episode)
            assert len(shown) == 120
            indices, quality = match_frames(source, shown)
            steps = np.diff(indices) % len(source)
            print(f'{camera} {episode}: PSNR {min(quality):.1f} dB, steps {np.unique(steps)}')
            assert min(quality) > 30
            assert steps.max() <= 5


def test_coded_pictures_stand_in_the_rows_that_the_rule_demands(tmp_path: Path) -> None:
    with launched(tmp_path, camera_source='coded', episode_time_s=8, cameras='front') as session:
        assert session.wait() == 0, session.log
    assert Checker(session.root).run() == []
    check_coded(session.root, 'front', 0)


def check_coded(root: Path, camera: str, episode: int) -> None:
    """Compare every decoded picture with its row's time, its stamp and the joints it shows."""
    key = f'observation.images.{camera}'
    stamps = feather.read_table(root / f'recorder/stamps/episode_{episode:06d}.feather')
    t_ns = stamps.column('t_ns').to_pylist()
    stamp_ns = stamps.column(f'{key}/stamp_ns').to_pylist()
    shown = [decode(frame) for frame in episode_frames(root, key, episode)]
    assert len(shown) == len(t_ns)
    capture_of = {code.frame: code.capture_ns for code in shown}
    states = column(root, 'observation.state', episode)
    for row, code in enumerate(shown):
        assert code.capture_ns == stamp_ns[row]
        assert code.capture_ns <= t_ns[row]
        following = capture_of.get(code.frame + 1)
        if following is not None:
            assert following > t_ns[row], f'row {row} shows frame {code.frame}, not the newest'
        assert code.positions_rad is not None
        age_ns = code.capture_ns - code.joint_stamp_ns
        assert 0 <= age_ns < 0.1 * NS
        near = np.degrees(code.positions_rad[:5])
        window = states[max(0, row - 4) : row + 2, :5]
        assert (near >= window.min(axis=0) - 1.5).all()
        assert (near <= window.max(axis=0) + 1.5).all()
    counters = [code.frame for code in shown]
    assert all(0 <= step <= 5 for step in np.diff(counters))
    print(f'{len(shown)} rows, frames {counters[0]}..{counters[-1]}, '
          f'{(np.diff(counters) == 0).sum()} repeats')  # fmt: skip


def test_a_second_terminal_sees_and_commands_the_session(tmp_path: Path) -> None:
    with launched(tmp_path, start='manual', num_episodes=2, episode_time_s=60,
                  reset_time_s=60) as session:  # fmt: skip
        session.wait_for('dataset me/test')
        reply = ''
        while 'success=True' not in reply:
            reply = session.call('start_episode')
        assert 'refused in state RECORDING' in session.call('start_episode')
        status = session.ros2('topic', 'echo', '/recorder/status', '--once')
        assert 'RECORDING' in status.stdout
        assert 'observation.images.front' in status.stdout
        rate = session.ros2('param', 'get', '/recorder', 'fps')
        assert rate.stdout.strip().endswith('30')
        nodes = session.ros2('node', 'list').stdout.split()
        assert {'/follower', '/leader', '/recorder', '/cameras/front'} <= set(nodes)
        assert 'success=True' in session.call('discard_episode')
        assert 'success=True' in session.call('start_episode')
        saved = session.call('save_episode')
        assert 'episode 0 saved' in saved
        assert 'success=True' in session.call('finish')
        assert session.wait() == 0, session.log
    assert Checker(session.root).run() == []
    info = json.loads((session.root / 'meta' / 'info.json').read_text())
    assert info['total_episodes'] == 1
    assert info['robot_type'] == 'so_follower'


def test_resume_adds_to_what_is_there(tmp_path: Path) -> None:
    for resume in ('false', 'true'):
        with launched(tmp_path, episode_time_s=2, cameras='none', resume=resume) as session:
            assert session.wait() == 0, session.log
    assert Checker(session.root).run() == []
    assert json.loads((session.root / 'meta/info.json').read_text())['total_episodes'] == 2


def test_teleoperation_without_recording(tmp_path: Path) -> None:
    with launched(tmp_path, record='false', repo_id=None, single_task=None) as session:
        session.wait_for('connected')
        hz = session.ros2('topic', 'echo', '/follower/applied_commands', '--once')
        assert 'shoulder_pan' in hz.stdout
        session.interrupt()
        session.wait()
    assert not session.root.exists()
