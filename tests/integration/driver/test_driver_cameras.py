"""The camera node as a process: stamps, encodings, info, coded content, faults on request."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState
from std_msgs.msg import String

from so101_driver.arm.joints import JOINTS
from so101_driver.cameras.coded_picture import decode
from so101_driver.ros import camera_node
from so101_driver.ros.base_node import Stop
from tests.integration.driver.conftest import Watcher
from tests.unit.driver.camera_rig import HEIGHT, WIDTH, FakeDevice, gradient, jpeg, source
from tests.unit.driver.test_camera_info import written


def pixels(message: Image) -> np.ndarray:
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)


def stamp_ns(message: Any) -> int:
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def test_coded_camera(processes: Any, watcher: Any) -> None:
    child = processes.start(
        'camera_node', '__node:=front', '__ns:=/cameras', source='coded', compressed=True
    )
    images = watcher.watch(Image, '/cameras/front/image_raw')
    infos = watcher.watch(CameraInfo, '/cameras/front/camera_info')
    jpegs = watcher.watch(CompressedImage, '/cameras/front/image_raw/compressed')
    joints = watcher.node.create_publisher(JointState, '/follower/joint_states', 10)
    shown = [0.1, -0.2, 0.3, -0.4, 0.5, 0.6]

    def sees_joints() -> bool:
        message = JointState(name=list(JOINTS), position=shown)
        message.header.stamp.sec = 12
        joints.publish(message)
        return bool(images) and decode(pixels(images[-1])).positions_rad is not None

    watcher.until(sees_joints)
    watcher.until(lambda: infos and jpegs and len(images) > 20)
    assert images[0].encoding == 'rgb8'
    assert images[0].step == 640 * 3
    assert images[0].header.frame_id == infos[0].header.frame_id == 'front_optical_frame'
    contents = [decode(pixels(message)) for message in images]
    assert [c.capture_ns for c in contents] == [stamp_ns(message) for message in images]
    frames = [c.frame for c in contents]
    assert all(b > a for a, b in itertools.pairwise(frames))
    assert contents[-1].joint_stamp_ns == 12_000_000_000
    np.testing.assert_allclose(contents[-1].positions_rad, shown, atol=1e-4)
    assert jpegs[-1].format == 'rgb8; jpeg compressed bgr8'
    picture = cv2.imdecode(np.frombuffer(jpegs[-1].data, np.uint8), cv2.IMREAD_COLOR)
    assert decode(picture).capture_ns == stamp_ns(jpegs[-1])
    assert processes.stop(child) == 0, processes.output(child)


def test_scene_tells_its_intrinsics(processes: Any, watcher: Any) -> None:
    child = processes.start(
        'camera_node', '__node:=wrist', '__ns:=/cameras', source='scene', view='wrist', fps=15.0
    )
    infos = watcher.watch(CameraInfo, '/cameras/wrist/camera_info')
    watcher.until(lambda: infos)
    assert infos[0].k[0] == 480.0
    assert processes.stop(child) == 0


def test_refused_camera_says_why(processes: Any) -> None:
    child = processes.start('camera_node', source='file', file='/no/such.mp4')
    assert child.wait(20) == 2
    assert '/no/such.mp4 is missing' in processes.output(child)


def test_calibrated_turned_and_late(processes: Any, watcher: Any, tmp_path: Path) -> None:
    path = written(tmp_path, image_width=480, image_height=640)
    child = processes.start(
        'camera_node', '__node:=front', source='coded', camera_info_url=f'file://{path}',
        rotation=90, latency_s=0.125,
    )  # fmt: skip
    infos = watcher.watch(CameraInfo, '/front/camera_info')
    images = watcher.watch(Image, '/front/image_raw')
    watcher.until(lambda: infos and images)
    assert (images[0].width, images[0].height) == (infos[0].width, infos[0].height) == (480, 640)
    assert infos[0].distortion_model == 'plumb_bob'
    assert list(infos[0].k)[:3] == [438.78, 0.0, 305.59]
    assert list(infos[0].p)[5] == 241.09
    straight = np.ascontiguousarray(np.rot90(pixels(images[0])))
    assert decode(straight).capture_ns - stamp_ns(images[0]) == 125_000_000
    assert processes.stop(child) == 0


def test_a_calibration_of_another_size_is_refused(processes: Any, tmp_path: Path) -> None:
    path = written(tmp_path)
    child = processes.start('camera_node', source='coded', rotation=90, camera_info_url=path)
    assert child.wait(20) == 2
    assert 'is for pictures of 640x480, those published are 480x640' in processes.output(child)


def test_faults_on_request(processes: Any, watcher: Any) -> None:
    child = processes.start(
        'camera_node', '__node:=front', '__ns:=/cameras', source='coded', stall_timeout_s=0.5
    )
    arrays = watcher.watch(DiagnosticArray, '/diagnostics')
    infos = watcher.watch(CameraInfo, '/cameras/front/camera_info')
    publisher = watcher.node.create_publisher(String, '/simulator/fault', 10)
    output = lambda: processes.output(child)  # noqa: E731

    def order(**fault: object) -> None:
        publisher.publish(String(data=json.dumps(fault)))

    def told(level: bytes, words: str = '') -> bool:
        status = arrays[-1].status[0] if arrays else None
        return status is not None and status.level == level and words in status.message

    def value(key: str) -> str:
        return next(p.value for p in arrays[-1].status[0].values if p.key == key)

    def is_back(times: int) -> bool:
        return len(re.findall(r'the camera is back after \d+\.\d s', output())) == times

    watcher.until(lambda: told(DiagnosticStatus.OK, 'ok') and publisher.get_subscription_count())
    assert arrays[-1].status[0].name == 'cameras/front: camera'
    assert arrays[-1].status[0].hardware_id == 'coded'

    order(kind='camera_unplug', camera='front')
    watcher.until(lambda: told(DiagnosticStatus.ERROR, 'no such device'))
    assert value('state') == 'no picture'
    assert float(value('fps')) == 0
    order(kind='camera_clear', camera='front')
    watcher.until(lambda: is_back(1))

    order(kind='camera_stall')
    watcher.until(lambda: told(DiagnosticStatus.ERROR, 'no picture for'))
    order(kind='camera_clear')
    watcher.until(lambda: is_back(2))
    assert len(re.findall(r'no picture for', output())) == 1

    order(kind='camera_damage', count=5)
    watcher.until(lambda: told(DiagnosticStatus.OK) and value('damaged') == '5')
    assert int(value('frames')) > 5
    assert int(value('reopened')) >= 2
    assert float(value('longest_gap_s')) >= 0.5
    assert value('stamp_source') == 'grab'

    ordered = output().count('ordered')
    order(kind='camera_unplug', camera='wrist')
    order(kind='unplug', bus='leader')
    order(kind='camera_fly')
    watcher.until(lambda: 'kind "camera_fly" is not one of camera_unplug' in output())
    seen = len(infos)
    watcher.until(lambda: len(infos) > seen + 10)
    assert output().count('ordered') == ordered == 5

    order(kind='camera_stall')
    watcher.until(lambda: told(DiagnosticStatus.ERROR))
    assert processes.stop(child) == 0, output()
    assert 'Traceback' not in output()


@pytest.fixture
def listener() -> Iterator[Any]:
    """A watcher beside nodes that are made in this process, with parameters."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    arguments = ['--ros-args', '-p', 'compressed:=true', '-p', f'width:={WIDTH}', '-p',
                 f'height:={HEIGHT}']  # fmt: skip
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    made = Watcher(rclpy)
    yield made
    made.node.destroy_node()
    rclpy.try_shutdown()


@pytest.mark.skipif(sys.platform != 'linux', reason='V4L2')
def test_what_nobody_hears_is_not_made(
    listener: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera's own JPEG goes to who listens untouched; pixels are decoded for who wants them."""
    device = FakeDevice(tmp_path)
    made = {'image': 0, 'jpeg': 0}
    for kind in made:
        original = getattr(camera_node, f'{kind}_message')

        def counted(*args: Any, kind: str = kind, original: Any = original) -> Any:
            made[kind] += 1
            return original(*args)

        monkeypatch.setattr(camera_node, f'{kind}_message', counted)
    monkeypatch.setattr(camera_node, 'make_source', lambda *_: source(device))
    node = camera_node.CameraNode(Stop())
    try:
        infos = listener.watch(CameraInfo, '/camera/camera_info')
        listener.until(lambda: len(infos) > 5)
        assert made == {'image': 0, 'jpeg': 0}
        assert (infos[0].width, infos[0].height) == (WIDTH, HEIGHT)
        jpegs = listener.watch(CompressedImage, '/camera/image_raw/compressed')
        listener.until(lambda: len(jpegs) > 3)
        assert made['image'] == 0
        assert all(bytes(message.data) == jpeg() for message in jpegs)
        images = listener.watch(Image, '/camera/image_raw')
        listener.until(lambda: images)
        assert np.abs(pixels(images[0]).astype(int) - gradient()).max() < 40
        shown = {stamp_ns(message) for message in infos}
        listener.until(lambda: stamp_ns(images[0]) in shown | {stamp_ns(m) for m in infos})
    finally:
        node.close()
        node.destroy_node()
    assert device.captures[0].released == 1
