"""Parameters of the camera node, declared once, and the source that they ask for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from so101_driver.cameras.capture import CaptureOptions
from so101_driver.cameras.coded import CodedSource
from so101_driver.cameras.device import DeviceSource
from so101_driver.cameras.faults import CameraFaults
from so101_driver.cameras.faulty import FaultySource
from so101_driver.cameras.mode import Mode
from so101_driver.cameras.scene import FRONT, VIEWS, SceneSource
from so101_driver.cameras.source import CameraSource, JointCache
from so101_driver.cameras.video import VideoSource
from so101_driver.common.parameters import param

DEVICE, FILE, SCENE, CODED = 'device', 'file', 'scene', 'coded'
SIMULATED = (SCENE, CODED)
_RIGHT_ANGLES = (0, 90, 180, 270)
_FOURCC_LENGTH = 4
_FEWEST_PICTURES = 2  # of a timeout, below which every picture would look late


@dataclasses.dataclass(frozen=True)
class CameraConfig:
    """Parameters of one camera."""

    source: str = param(DEVICE, 'where pictures come from', choices=(DEVICE, FILE, SCENE, CODED))
    device: str = param('0', 'source device: index, or a path such as /dev/v4l/by-id/...')
    fourcc: str = param(
        '', "source device: pixel format, MJPG or YUYV; empty = the driver's choice"
    )
    exact_mode: bool = param(True, 'source device: refuse another mode than the asked one')
    wait_for_device_s: float = param(
        0.0,
        'source device: how long to wait at start for the device to appear',
        unit='s',
        minimum=0.0,
        maximum=600,
    )
    stall_timeout_s: float = param(
        1.0,
        'without a picture for so long, the camera is opened again',
        unit='s',
        minimum=0.2,
        maximum=60.0,
    )
    latency_s: float = param(
        0.0,
        'time from exposure to stamp; subtracted from the stamps',
        unit='s',
        minimum=0.0,
        maximum=1.0,
    )
    camera_info_url: str = param(
        '', 'calibration file for ~/camera_info: a path, file:// or package://'
    )
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
    jpeg_quality: int = param(
        90, "quality of those; a camera's own JPEG is passed on as it is", minimum=1, maximum=100
    )
    joint_states_topic: str = param(
        '/follower/joint_states', 'what simulated sources show', required=True
    )
    fault_topic: str = param(
        '/simulator/fault', 'where sources other than device hear of faults', required=True
    )
    faults: str = param('', 'faults from the start on, JSON as for that topic')

    @property
    def published_size(self) -> tuple[int, int]:
        """Width and height of the pictures after rotation (px)."""
        turned = self.rotation in (90, 270)
        return (self.height, self.width) if turned else (self.width, self.height)

    def options(self) -> CaptureOptions:
        """Return what becomes of pictures."""
        return CaptureOptions(self.rotation, self.latency_s, self.stall_timeout_s)

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
        if self.source == DEVICE and self.faults:
            found.append('faults: are for sources other than "device"')
        if self.fps and self.stall_timeout_s < _FEWEST_PICTURES / self.fps:
            found.append(
                f'stall_timeout_s: {self.stall_timeout_s:g} s is shorter than '
                f'{_FEWEST_PICTURES} pictures at {self.fps:g} fps'
            )
        return found


def make_source(
    config: CameraConfig,
    joints: JointCache,
    clock_ns: Callable[[], int],
    faults: CameraFaults | None = None,
) -> CameraSource:
    """Return the source that the parameters ask for, not yet open.

    `faults` befall every source but a device, which has its own.
    """
    size = (config.width, config.height)
    if config.source == DEVICE:
        mode = Mode(*size, config.fps, config.fourcc.upper())
        return DeviceSource(config.device, mode, config.exact_mode, clock_ns)
    source: CameraSource
    if config.source == FILE:
        source = VideoSource(config.file, *size, config.fps, config.resize, clock_ns)
    elif config.source == SCENE:
        source = SceneSource(config.view, *size, config.fps, config.seed, joints, clock_ns)
    else:
        source = CodedSource(*size, config.fps, joints, clock_ns)
    return source if faults is None else FaultySource(source, faults)
