"""What is known of a camera's optics: nothing, an ideal pinhole, or ROS's calibration file."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse

import yaml

from so101_driver.common.errors import ConfigError

_COEFFICIENTS = {'plumb_bob': (5,), 'rational_polynomial': (8, 12, 14), 'equidistant': (4,)}
_SHAPES = {
    'camera_matrix': (3, 3),
    'rectification_matrix': (3, 3),
    'projection_matrix': (3, 4),
}


class Intrinsics(NamedTuple):
    """The fields of a CameraInfo message; without a model they are zeros: not calibrated.

    Attributes:
        camera_name: Whose they are; '' when nobody says.
        width, height: Size of the pictures they are for (px).
        model: Distortion model.
        d: Its coefficients.
        k, r: Camera and rectification matrix, 9 numbers by rows.
        p: Projection matrix, 12 numbers by rows.
    """

    width: int
    height: int
    camera_name: str = ''
    model: str = ''
    d: tuple[float, ...] = ()
    k: tuple[float, ...] = (0.0,) * 9
    r: tuple[float, ...] = (0.0,) * 9
    p: tuple[float, ...] = (0.0,) * 12


def ideal(width: int, height: int, focal_px: float) -> Intrinsics:
    """Return an ideal pinhole that looks through the middle of the picture."""
    x, y = width / 2, height / 2
    return Intrinsics(
        width,
        height,
        '',
        'plumb_bob',
        (0.0,) * 5,
        (focal_px, 0.0, x, 0.0, focal_px, y, 0.0, 0.0, 1.0),
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        (focal_px, 0.0, x, 0.0, 0.0, focal_px, y, 0.0, 0.0, 0.0, 1.0, 0.0),
    )


def local_path(url: str, share_of: Callable[[str], str]) -> Path:
    """Return the file that a path, a file:// or a package:// URL means.

    Args:
        url: Such as `package://my_robot/config/front.yaml`.
        share_of: Returns a package's share folder.

    Raises:
        ConfigError: for another kind of URL.
    """
    parts = urlparse(url)
    if '://' not in url:
        return Path(url).expanduser()
    path = unquote(parts.path)
    if parts.scheme == 'package':
        return Path(share_of(parts.netloc)) / path.lstrip('/')
    if parts.scheme == 'file' and parts.netloc in ('', 'localhost'):
        return Path(path)
    raise ConfigError([f'camera_info_url: {url} is not a path, file:///... or package://NAME/...'])


def read(path: Path, size: tuple[int, int]) -> Intrinsics:
    """Read a calibration file as ROS's camera_calibration writes it.

    Args:
        path: The YAML file.
        size: Width and height of the published pictures (px), which it must be for.

    Raises:
        ConfigError: with every mistake.
    """
    name = f'camera_info_url {path}'
    try:
        document = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError([f'{name}: {error}']) from error
    if not isinstance(document, dict):
        raise ConfigError([f'{name}: is no calibration file'])
    problems: list[str] = []
    found = tuple(document.get(key) for key in ('image_width', 'image_height'))
    if found != size:
        problems.append(
            f'is for pictures of {found[0]}x{found[1]}, those published are {size[0]}x{size[1]}; '
            'calibrate the camera in the mode and rotation that it is used in'
        )
    matrices = {key: _matrix(document, key, shape, problems) for key, shape in _SHAPES.items()}
    model = str(document.get('distortion_model'))
    d = _matrix(document, 'distortion_coefficients', None, problems)
    if model not in _COEFFICIENTS:
        problems.append(f'distortion_model "{model}" is not one of {", ".join(_COEFFICIENTS)}')
    elif d and len(d) not in _COEFFICIENTS[model]:
        numbers = ' or '.join(map(str, _COEFFICIENTS[model]))
        problems.append(f'distortion_coefficients: {len(d)}, {model} has {numbers}')
    if matrices['camera_matrix'] and not matrices['camera_matrix'][0] > 0:
        problems.append('camera_matrix: the focal length is not above 0')
    if problems:
        raise ConfigError([f'{name}: {text}' for text in problems])
    return Intrinsics(*size, str(document.get('camera_name', '')), model, d, *matrices.values())


def _matrix(
    document: dict[str, Any], key: str, shape: tuple[int, int] | None, problems: list[str]
) -> tuple[float, ...]:
    """Return a matrix of the file by rows; () when it is wrong."""
    entry = document.get(key)
    if not isinstance(entry, dict) or not isinstance(entry.get('data'), list):
        problems.append(f'{key}: missing, or without data')
        return ()
    data, rows, cols = entry['data'], entry.get('rows'), entry.get('cols')
    if not all(
        isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x) for x in data
    ):
        problems.append(f'{key}: data are not all numbers')
        return ()
    if (shape is not None and (rows, cols) != shape) or (
        not isinstance(rows, int) or not isinstance(cols, int) or rows * cols != len(data)
    ):
        wanted = '' if shape is None else f', {shape[0]}x{shape[1]} are needed'
        problems.append(f'{key}: {rows}x{cols} with {len(data)} numbers{wanted}')
        return ()
    return tuple(float(x) for x in data)
