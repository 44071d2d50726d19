"""LeRobot calibration files: accepted, refused in words, found and saved."""

import json
from pathlib import Path

import pytest

from so101_driver.arm import calibration
from so101_driver.arm.joints import JOINTS
from so101_driver.common.errors import CalibrationError

SIM = Path(__file__).parents[3] / 'config' / 'sim'


def content() -> dict[str, dict[str, int]]:
    return json.loads((SIM / 'follower.json').read_text())


def test_shipped_files_load() -> None:
    for name in ('follower', 'leader'):
        loaded = calibration.load(SIM / f'{name}.json')
        assert tuple(loaded.joints) == JOINTS
        assert loaded.ids == {joint: i + 1 for i, joint in enumerate(JOINTS)}


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    broken = content()
    del broken['wrist_roll']
    del broken['elbow_flex']['range_max']
    broken['gripper']['homing_offset'] = 2048
    broken['shoulder_pan']['id'] = 1.5
    broken['wrist_flex']['range_min'] = 4000
    broken['shoulder_lift']['colour'] = 3
    broken['tail'] = {}
    path = tmp_path / 'arm.json'
    path.write_text(json.dumps(broken))
    with pytest.raises(CalibrationError) as caught:
        calibration.load(path)
    text = str(caught.value)
    for part in (
        'motor "wrist_roll" is missing',
        'motor "elbow_flex": key "range_max" is missing',
        'motor "gripper", key "homing_offset": 2048 is outside',
        'motor "shoulder_pan", key "id": 1.5 is not an integer',
        'motor "wrist_flex": range_min 4000 is not below',
        'motor "shoulder_lift": unknown key "colour"',
        'unknown motor "tail"',
    ):
        assert part in text
    assert all(line.startswith(str(path)) for line in text.splitlines())


def test_shared_ids_are_refused() -> None:
    doubled = content()
    doubled['gripper']['id'] = 1
    with pytest.raises(CalibrationError, match='"shoulder_pan" and "gripper" share id 1'):
        calibration.parse(doubled, 'x.json')


def test_list_style_is_refused_clearly() -> None:
    old = {
        'homing_offset': [0] * 6,
        'drive_mode': [0] * 6,
        'start_pos': [0] * 6,
        'end_pos': [1] * 6,
        'calib_mode': ['DEGREE'] * 6,
        'motor_names': list(JOINTS),
    }
    with pytest.raises(CalibrationError, match='old list style'):
        calibration.parse(old, 'old.json')


@pytest.mark.parametrize('text', ['{', '[]', '3'])
def test_files_that_are_no_object(tmp_path: Path, text: str) -> None:
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(CalibrationError, match=r'a\.json'):
        calibration.load(tmp_path / 'a.json')


def test_both_folder_generations_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HF_LEROBOT_CALIBRATION', str(tmp_path))
    with pytest.raises(CalibrationError, match='so_follower'):
        calibration.find('follower', 'blue')
    assert calibration.default_path('leader', 'b') == tmp_path / 'teleoperators/so_leader/b.json'
    old = tmp_path / 'robots' / 'so101_follower' / 'blue.json'
    calibration.save(calibration.load(SIM / 'follower.json'), old)
    assert calibration.find('follower', 'blue').source == str(old)
    assert json.loads(old.read_text()) == content()
    assert list(old.parent.iterdir()) == [old]


def written(role: str, **changes: dict[str, int]) -> dict[str, dict[str, int]]:
    entries = json.loads((SIM / f'{role}.json').read_text())
    for joint, values in changes.items():
        entries[joint].update(values)
    return entries


@pytest.mark.parametrize(
    ('folder', 'entries', 'indent'),
    [
        # LeRobot up to 0.4.2 swept wrist_roll like the others, and had a folder for each model.
        ('robots/so101_follower', {'wrist_roll': {'range_min': 127, 'range_max': 3977}}, 4),
        ('robots/so100_follower', {'wrist_roll': {'range_min': 127, 'range_max': 3977}}, 4),
        # From 0.4.3 on it is the whole turn, in a folder for both.
        ('robots/so_follower', {'wrist_roll': {'range_min': 0, 'range_max': 4095}}, 4),
        # Written by other tools: a reversed gripper, extreme offsets, one line.
        ('robots/so_follower', {'gripper': {'drive_mode': 1, 'homing_offset': -2047}}, None),
    ],
)
def test_files_of_every_lerobot_load(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    entries: dict[str, dict[str, int]],
    indent: int | None,
) -> None:
    monkeypatch.setenv('HF_LEROBOT_CALIBRATION', str(tmp_path))
    path = tmp_path / folder / 'white_left.json'
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(written('follower', **entries), indent=indent))
    found = calibration.find('follower', 'white_left')
    assert found.source == str(path)
    for joint, values in entries.items():
        assert {key: getattr(found[joint], key) for key in values} == values


def test_the_models_own_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HF_LEROBOT_CALIBRATION', str(tmp_path))
    paths = {
        model: tmp_path / 'teleoperators' / f'{model}_leader' / 'a.json'
        for model in calibration.MODELS
    }
    for path in paths.values():
        calibration.save(calibration.load(SIM / 'leader.json'), path)
    for model, path in paths.items():
        assert calibration.find('leader', 'a', model=model).source == str(path)
