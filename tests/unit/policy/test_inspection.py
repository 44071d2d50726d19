"""A checkpoint's files are looked at before anything moves; mistyped places get a hint."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from policy_node.checkpoint import hub
from policy_node.checkpoint.description import describe, locate
from policy_node.checkpoint.inspection import problems
from policy_node.errors import PolicyError
from policy_node.evaluation.eval_plan import _description
from tests.conftest import REPOSITORY

PRE, POST = 'policy_preprocessor.json', 'policy_postprocessor.json'
WEIGHTS = 'model.safetensors'
POINTER = b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n'


def put(path: Path, content: bytes) -> None:
    """Write a file anew: the fixture's weights are links that all tests share."""
    path.unlink()
    path.write_bytes(content)


def cut(path: Path, by: int = 100) -> None:
    put(path, path.read_bytes()[:-by])


def statistics(folder: Path) -> Path:
    return next(folder.glob('policy_preprocessor_*.safetensors'))


@pytest.mark.parametrize(
    ('damage', 'words'),
    [
        (lambda folder: (folder / WEIGHTS).unlink(), f'holds no {WEIGHTS}'),
        (lambda folder: cut(folder / WEIGHTS), 'truncated'),
        (lambda folder: put(folder / WEIGHTS, POINTER), 'git lfs pull'),
        (lambda folder: statistics(folder).unlink(), 'which is missing'),
        (lambda folder: cut(statistics(folder)), 'truncated'),
        (lambda folder: put(statistics(folder), POINTER), 'git lfs pull'),
        (lambda folder: (folder / POST).unlink(), f'but no {POST}'),
        (lambda folder: put(folder / PRE, POINTER), 'git lfs pull'),
        (lambda folder: put(folder / PRE, b'{'), 'no sound JSON'),
        (lambda folder: put(folder / POST, b'{"steps": 3}'), '"steps" must be a list'),
    ],
)
def test_damage_is_found_by_the_plan(
    new: Path, damage: Callable[[Path], object], words: str
) -> None:
    assert _description({'policy_path': str(new)})[1] == []
    damage(new)
    _, found = _description({'policy_path': str(new)})
    assert any(words in problem for problem in found), found


def test_the_config_is_named_when_it_is_a_pointer(new: Path) -> None:
    put(new / 'config.json', POINTER)
    _, found = _description({'policy_path': str(new)})
    assert 'git lfs pull' in found[0]


def test_every_shard_is_looked_at(new: Path) -> None:
    names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
    (new / WEIGHTS).rename(new / names[0])
    index = {'weight_map': {'a': names[0], 'b': names[1]}}
    (new / f'{WEIGHTS}.index.json').write_text(json.dumps(index))
    description = describe(new)
    assert [names[1] in problem for problem in problems(description, is_foreign=True)] == [True]
    (new / names[1]).write_bytes((new / names[0]).read_bytes()[:-7])
    (problem,) = problems(description, is_foreign=True)
    assert names[1] in problem
    assert 'truncated' in problem


def test_adapters_are_weights_to_lerobot(new: Path) -> None:
    (new / WEIGHTS).rename(new / 'adapter_model.safetensors')
    assert problems(describe(new), is_foreign=True) == []
    assert problems(describe(new), is_foreign=False)


def test_looking_needs_no_torch(new: Path) -> None:
    code = (
        'import sys; sys.modules["torch"] = None; from pathlib import Path;'
        'from policy_node.checkpoint.description import describe;'
        'from policy_node.checkpoint.inspection import problems;'
        'print(problems(describe(Path(sys.argv[1])), False))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, str(new)], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.stdout.strip() == '[]', done.stderr


def test_a_folder_too_high_names_the_one_below(new: Path, tmp_path: Path) -> None:
    for step in ('005000', '010000'):
        place = tmp_path / 'outputs/train/act_pick/checkpoints' / step / 'pretrained_model'
        place.mkdir(parents=True)
        (place / 'config.json').write_text((new / 'config.json').read_text())
    checkpoints = tmp_path / 'outputs/train/act_pick/checkpoints'
    for given in (checkpoints, checkpoints.parent):
        _, found = _description({'policy_path': str(given)})
        assert f'give {checkpoints}/010000' in found[0]
    (checkpoints / 'last').symlink_to('005000')
    for given in (checkpoints.parent, checkpoints.parent.parent):
        _, found = _description({'policy_path': str(given)})
        assert f'give {checkpoints}/last' in found[0]


def test_a_mistyped_folder_gets_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'outputs' / 'act_pick_cube').mkdir(parents=True)
    with pytest.raises(PolicyError, match='holds act_pick_cube'):
        locate(tmp_path / 'outputs' / 'act_pik_cube' / 'checkpoints' / 'last')
    monkeypatch.chdir(tmp_path)

    def refuse(name: str, revision: str | None) -> Path:
        raise PolicyError(f'{name}: the Hub does not have it')

    monkeypatch.setattr(hub, 'fetch', refuse)
    with pytest.raises(PolicyError, match=r'does not have it; .* holds act_pick_cube'):
        locate('outputs/act_pick')
    with pytest.raises(PolicyError, match=r'does not have it$'):
        locate('somebody/act_pick')
