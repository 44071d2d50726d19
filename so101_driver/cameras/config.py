"""Parameters of the camera node, declared once, and the source that they ask for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from so101_driver.cameras.coded import CodedSource
from so101_driver.cameras.device import DeviceSource
from so101_driver.cameras.scene import FRONT, VIEWS, SceneSource
from so101_driver.cameras.source import CameraSource, JointCache
from so101_driver.cameras.video import VideoSource
from so101_driver.parameters import param

DEVICE, FILE, SCENE, CODED = 'device', 'file', 'scene', 'coded'
SIMULATED = (SCENE, CODED)
_RIGHT_ANGLES = (0, 90, 180, 270)
_FOURCC_LENGTH = 4


@dataclasses.dataclass(frozen=True)
class CameraConfig:
    """Parameters of one camera."""

    source: str = param(DEVICE, 'where pictures come from', choices=(DEVICE, FILE, SCENE, CODED))
    device: str = param('0', 'source device: index or path')
    fourcc: str = param('', "source device: pixel format, e.g. MJPG; empty = the driver's choice")
    exact_mode: bool = param(True, 'source device: refuse another mode than the asked one')
    file: str = param('', 'source file: the video, looped')
    resize: bool = param(False, 'source file: scale pictures of another size')
    view: str = param(FRONT, 'source scene: the place of the camera', choices=VIEWS)
    seed: int = param(0, 'source scene: seed of the operator, who knows the cube', minimum=0)
    width: int = param(640, 'width of the pictures before rotation', unit='px', minimum=16)
    height: int = param(480, 'height of the pictures before rotation', unit='px', minimum=16)
    fps: float = param(
        30.0, "pictures per second; 0 = the video file's own rate", minimum=0.0, maximum=240.0
    )
    rotation: int = param(0, 'clockwise rotation: 0, 90, 180 or 270', unit='degrees')
    compressed: bool = param(False, 'publish JPEG pictures on ~/image_raw/compressed too')
    jpeg_quality: int = param(90, 'quality of those', minimum=1, maximum=100)
    joint_states_topic: str = param(
        '/follower/joint_states', 'what simulated sources show', required=True
    )

    def problems(self) -> list[str]:
        """Return what is wrong across fields."""
        found = []
        if self.rotation not in _RIGHT_ANGLES:
            found.append(f'rotation: {self.rotation} is not one of 0, 90, 180, 270')
        if self.source == FILE and not self.file:
            found.append('file: the source "file" needs a video file')
        if self.source != FILE and self.fps == 0:
            found.append(f'fps: the source "{self.source}" has no rate of its own')
        if self.fourcc and len(self.fourcc) != _FOURCC_LENGTH:
            found.append(f'fourcc: "{self.fourcc}" has not four letters')
        return found


def make_source(
    config: CameraConfig, joints: JointCache, clock_ns: Callable[[], int]
) -> CameraSource:
    """Return the source that the parameters ask for, not yet open."""
    size = (config.width, config.height)
    if config.source == FILE:
        return VideoSource(config.file, *size, config.fps, config.resize, clock_ns)
    if config.source == SCENE:
        return SceneSource(config.view, *size, config.fps, config.seed, joints, clock_ns)
    if config.source == CODED:
        return CodedSource(*size, config.fps, joints, clock_ns)
    return DeviceSource(
        config.device, *size, config.fps, config.fourcc, config.exact_mode, clock_ns
    )
