"""A simulated scene: table, cube and the arm in the follower's pose, seen from two places."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from so101_driver.arm.joints import GRIPPER_INDEX, FloatArray
from so101_driver.arm.kinematics import TIP_ORIGIN, Frames, forward
from so101_driver.cameras.coded_picture import Image
from so101_driver.cameras.frame import Frame
from so101_driver.cameras.pinhole import Colour, Pinhole
from so101_driver.cameras.source import JointCache
from so101_driver.simulator.operator import PickAndPlace

FRONT = 'front'
WRIST = 'wrist'
VIEWS = (FRONT, WRIST)

_UP = np.array([0.0, 0.0, 1.0])
_FRONT_PLACE = np.array([0.62, 0.22, 0.42])
_FRONT_TARGET = np.array([0.16, 0.0, 0.06])
_WRIST_PLACE = np.array([0.0, 0.0, 0.065])  # in the roll frame, above the palm
_WRIST_AHEAD = np.array([0.13, 0.0, -0.02])
_FOCAL_PER_WIDTH = {FRONT: 0.95, WRIST: 0.75}

_WALL: Colour = (196, 204, 210)
_TABLE: Colour = (150, 118, 84)
_LINE: Colour = (128, 98, 68)
_PRINTED: Colour = (238, 196, 48)
_SERVO: Colour = (44, 44, 48)
_FINGER: Colour = (228, 176, 30)
_CUBE_FACES: tuple[Colour, ...] = ((206, 48, 44), (176, 36, 34), (146, 26, 26))

_CUBE_M = 0.03
_GRASP_REACH_M = 0.035
_GRASP_RAD = 0.45
_FINGER_M = 0.083
_LINE_STEP_M = 0.1
_LINE_HALF_WIDTH_M = 0.002


class Cube:
    """Where the cube is: at its place of the episode, in the gripper, or where it was let go."""

    def __init__(self, seed: int) -> None:
        self._script = PickAndPlace(seed)
        self._episode = -1
        self._is_held = False
        self.centre: FloatArray = np.zeros(3)

    def update(self, frames: Frames, gripper_rad: float, episode: int) -> None:
        """Follow the gripper while it is closed around the cube."""
        if episode != self._episode:
            self._episode, self._is_held = episode, False
            self.centre = np.array([*self._script.cube(episode), _CUBE_M / 2])
        closed = gripper_rad < _GRASP_RAD
        near = float(np.linalg.norm(frames.tip - self.centre)) < _GRASP_REACH_M
        if closed and (self._is_held or near):
            self._is_held = True
            self.centre = frames.tip.copy()
        elif self._is_held:
            self._is_held = False
            self.centre = np.array([self.centre[0], self.centre[1], _CUBE_M / 2])


class SceneSource:
    """Draws the scene for each tick; without joint states there is no arm in it.

    Args:
        view: `front` (from the side, above the table) or `wrist` (on the gripper).
        width, height: Picture size (px).
        fps: Pictures per second.
        seed: The operator's seed, which says where the cube lies.
        joints: Where the follower's pose comes from.
        clock_ns: Clock of the stamps.
    """

    paces_itself = False
    warning = ''

    def __init__(
        self,
        view: str,
        width: int,
        height: int,
        fps: float,
        seed: int,
        joints: JointCache,
        clock_ns: Callable[[], int],
    ) -> None:
        self.rate_hz = fps
        self.focal_px = _FOCAL_PER_WIDTH[view] * width
        self._view = view
        self._joints = joints
        self._clock_ns = clock_ns
        self._cube = Cube(seed)
        self._camera = Pinhole(width, height, self.focal_px)
        self._camera.look(_FRONT_PLACE, _FRONT_TARGET, _UP)
        self._wall = np.full((height, width, 3), _WALL, dtype=np.uint8)
        self._background = self._draw_table()

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def grab(self, tick: int) -> Frame:
        """Draw the scene as it is now."""
        stamp_ns = self._clock_ns()
        view, episode = self._joints.get()
        if view is None:
            return Frame(self._background.copy(), stamp_ns)
        frames = forward(view.positions_rad)
        self._cube.update(frames, float(view.positions_rad[GRIPPER_INDEX]), episode)
        if self._view == WRIST:
            rotation = frames.rotations[4]
            place = frames.origins[4] + rotation @ _WRIST_PLACE
            ahead = frames.origins[4] + rotation @ _WRIST_AHEAD
            self._camera.look(place, ahead, rotation @ _UP)
            image = self._draw_table()
        else:
            image = self._background.copy()
        self._draw_things(image, frames)
        return Frame(image, stamp_ns)

    def _draw_table(self) -> Image:
        image: Image = self._wall.copy()
        self._camera.polygon(image, _rectangle(-0.3, 0.8, -0.6, 0.6), _TABLE)
        for x in np.arange(-0.2, 0.8, _LINE_STEP_M).tolist():
            strip = _rectangle(x - _LINE_HALF_WIDTH_M, x + _LINE_HALF_WIDTH_M, -0.6, 0.6)
            self._camera.polygon(image, strip, _LINE)
        for y in np.arange(-0.5, 0.6, _LINE_STEP_M).tolist():
            strip = _rectangle(-0.3, 0.8, y - _LINE_HALF_WIDTH_M, y + _LINE_HALF_WIDTH_M)
            self._camera.polygon(image, strip, _LINE)
        return image

    def _draw_things(self, image: Image, frames: Frames) -> None:
        """Draw cube and arm, the farthest first."""
        camera, joints = self._camera, frames.origins
        base = np.array([joints[0][0], 0.0, 0.0])
        roll, jaw = frames.rotations[4], frames.rotations[5]
        palm = joints[4] + roll @ np.array([0.03, 0.0, 0.0])
        fixed_tip = joints[4] + roll @ (np.array(TIP_ORIGIN) + np.array([0.0, -0.012, 0.0]))
        jaw_tip = joints[5] + jaw @ np.array([_FINGER_M, -0.012, -0.028])
        rods = [
            (base, joints[0], 0.042, _PRINTED),
            (joints[0], joints[1], 0.028, _SERVO),
            (joints[1], joints[2], 0.021, _PRINTED),
            (joints[2], joints[3], 0.019, _PRINTED),
            (joints[3], joints[4], 0.018, _SERVO),
            (joints[4], palm, 0.020, _PRINTED),
            (palm, fixed_tip, 0.008, _FINGER),
            (joints[5], jaw_tip, 0.008, _FINGER),
        ]
        if self._view == WRIST:
            rods = rods[6:]  # everything else is behind the camera
        todo: list[tuple[float, Callable[[], None]]] = [
            (
                camera.depth([start, end]),
                partial(camera.rod, image, start, end, radius, colour),
            )
            for start, end, radius, colour in rods
        ]
        centre = self._cube.centre
        todo.append((camera.depth([centre]), partial(self._draw_cube, image, centre)))
        for _, draw in sorted(todo, key=lambda item: -item[0]):
            draw()

    def _draw_cube(self, image: Image, centre: FloatArray) -> None:
        half = _CUBE_M / 2
        faces: list[tuple[FloatArray, Colour]] = []
        for axis in range(3):
            for side in (-half, half):
                face: FloatArray = np.empty((4, 3))
                others = [k for k in range(3) if k != axis]
                face[:, axis] = side
                face[:, others[0]] = (-half, half, half, -half)
                face[:, others[1]] = (-half, -half, half, half)
                faces.append((face + centre, _CUBE_FACES[(axis + 1) % 3]))
        for corners, colour in sorted(faces, key=lambda item: -self._camera.depth(item[0])):
            self._camera.polygon(image, corners, colour)


def _rectangle(x0: float, x1: float, y0: float, y1: float) -> FloatArray:
    return np.array([[x0, y0, 0.0], [x1, y0, 0.0], [x1, y1, 0.0], [x0, y1, 0.0]])
