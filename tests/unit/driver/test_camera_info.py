"""Calibration files: those of ROS are read, every mistake in others is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from so101_driver.cameras.intrinsics import local_path, read
from so101_driver.common.errors import ConfigError

SIZE = (640, 480)

# As `ros2 run camera_calibration cameracalibrator` writes it.
FILE = """
image_width: 640
image_height: 480
camera_name: front
camera_matrix:
  rows: 3
  cols: 3
  data: [438.78, 0., 305.59, 0., 437.30, 243.73, 0., 0., 1.]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.36, 0.12, 0.0001, -0.002, 0]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1., 0., 0., 0., 1., 0., 0., 0., 1.]
projection_matrix:
  rows: 3
  cols: 4
  data: [393.65, 0., 322.79, 0., 0., 241.09, 282.72, 0., 0., 0., 1., 0.]
"""


def written(folder: Path, **changes: Any) -> Path:
    document = {**yaml.safe_load(FILE), **changes}
    path = folder / 'front.yaml'
    path.write_text(yaml.safe_dump({k: v for k, v in document.items() if v is not None}))
    return path


def problems(path: Path, size: tuple[int, int] = SIZE) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(path, size)
    assert all(text.startswith(f'camera_info_url {path}') for text in caught.value.problems)
    return [text.partition(': ')[2] for text in caught.value.problems]


def test_a_calibration_file(tmp_path: Path) -> None:
    found = read(written(tmp_path), SIZE)
    assert found.camera_name == 'front'
    assert (found.width, found.height, found.model) == (640, 480, 'plumb_bob')
    assert found.d == (-0.36, 0.12, 0.0001, -0.002, 0.0)
    assert found.k == (438.78, 0.0, 305.59, 0.0, 437.3, 243.73, 0.0, 0.0, 1.0)
    assert found.r[0] == found.r[8] == 1.0
    assert found.p[5:7] == (241.09, 282.72)
    assert all(isinstance(x, float) for x in (*found.d, *found.k, *found.r, *found.p))


@pytest.mark.parametrize(('model', 'count'), [('rational_polynomial', 8), ('equidistant', 4)])
def test_other_models(tmp_path: Path, model: str, count: int) -> None:
    d = {'rows': 1, 'cols': count, 'data': [0.1] * count}
    path = written(tmp_path, distortion_model=model, distortion_coefficients=d)
    assert read(path, SIZE).d == (0.1,) * count
    path = written(tmp_path, distortion_model=model)
    assert f'distortion_coefficients: 5, {model} has {count}' in problems(path)[0]


def test_the_size_must_be_that_of_the_pictures(tmp_path: Path) -> None:
    (text,) = problems(written(tmp_path), (480, 640))
    assert 'is for pictures of 640x480, those published are 480x640' in text


def test_every_mistake_is_named(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        image_height=720,
        camera_matrix={'rows': 3, 'cols': 3, 'data': [0.0] * 9},
        distortion_model='thick',
        distortion_coefficients=None,
        rectification_matrix={'rows': 3, 'cols': 3, 'data': [1.0] * 8},
        projection_matrix={'rows': 4, 'cols': 3, 'data': ['x'] * 12},
    )
    found = '\n'.join(problems(path))
    for words in (
        'is for pictures of 640x720',
        'camera_matrix: the focal length',
        'distortion_model "thick" is not one of plumb_bob',
        'distortion_coefficients: missing',
        'rectification_matrix: 3x3 with 8 numbers, 3x3 are needed',
        'projection_matrix: data are not all numbers',
    ):
        assert words in found
    wrong_shape = {'rows': 4, 'cols': 3, 'data': [1.0] * 12}
    assert problems(written(tmp_path, projection_matrix=wrong_shape)) == [
        'projection_matrix: 4x3 with 12 numbers, 3x4 are needed'
    ]


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / 'no.yaml'
    assert 'No such file' in problems(path)[0]
    path.write_text('[unfinished')
    assert problems(path)
    path.write_text('hello')
    assert problems(path) == ['is no calibration file']


def test_urls() -> None:
    def share_of(package: str) -> str:
        return f'/share/{package}'

    assert local_path('/a/b.yaml', share_of) == Path('/a/b.yaml')
    assert local_path('file:///a/b%20c.yaml', share_of) == Path('/a/b c.yaml')
    assert local_path('package://mine/config/b.yaml', share_of) == Path('/share/mine/config/b.yaml')
    with pytest.raises(ConfigError, match='http'):
        local_path('http://a/b.yaml', share_of)
