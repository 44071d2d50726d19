"""The camera node as a process: stamps, encodings, info and coded content."""

from __future__ import annotations

import itertools
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState

from so101_driver.coded_picture import decode
from so101_driver.joints import JOINTS


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
    assert '/no/such.mp4: no such video file' in processes.output(child)
