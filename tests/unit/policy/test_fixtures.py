"""Actions of real LeRobot, 0.3.3 and 0.4.4, over whole recordings."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench import policy as bench
from bench.policy_fixtures import compare, is_fixture, materialize
from policy_node.networks.policy import Options
from tests.unit.policy.conftest import FIXTURES

NAMES = sorted(path.name for path in FIXTURES.iterdir() if is_fixture(path))
# A folder of more fixtures, where there is one.
MORE = Path(os.environ.get('RECORDER_POLICY_FIXTURES', FIXTURES / 'none'))


@pytest.mark.parametrize('name', NAMES)
def test_actions_are_those_of_lerobot(name: str, whole: Callable[[str], Path]) -> None:
    result = compare(FIXTURES / name, whole(name), Options(device='cpu'))
    assert result.steps == 30
    assert result.passed, result
    assert result.excess < 0.2, 'within the tolerance, but worse than it was'


@pytest.mark.parametrize('name', NAMES)
def test_bf16_stays_near(name: str, whole: Callable[[str], Path]) -> None:
    """The fixtures' random weights amplify rounding; what is stated in the docs holds."""
    result = compare(FIXTURES / name, whole(name), Options(device='cpu', precision='bf16'))
    assert 1e-4 < result.relative_rms < 0.12


@pytest.mark.skipif(not MORE.is_dir(), reason='RECORDER_POLICY_FIXTURES names no folder')
def test_more_fixtures(tmp_path: Path) -> None:
    fixtures = [path for path in sorted(MORE.iterdir()) if is_fixture(path)]
    results = []
    for fixture in fixtures:
        checkpoint = materialize(fixture, tmp_path / fixture.name)
        results.append(compare(fixture, checkpoint, Options(device='cpu')))
        shutil.rmtree(checkpoint)
    assert fixtures
    assert [result for result in results if not result.passed] == []


def test_the_bench_compares_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(FIXTURES / 'act_v03_minmax', tmp_path / 'good')
    monkeypatch.setattr('sys.argv', ['bench.policy', '--fixtures', str(tmp_path), '--json'])
    assert bench.main() == 0
    assert json.loads(capsys.readouterr().out)['fixtures']['good']['largest_error'] < 1e-3

    shutil.copytree(tmp_path / 'good', tmp_path / 'off')
    expected = dict(np.load(tmp_path / 'off' / 'expected.npz'))
    expected['action'][7, 2] += 0.1
    np.savez(tmp_path / 'off' / 'expected.npz', **expected)
    shutil.copytree(tmp_path / 'good', tmp_path / 'torn')
    weights = tmp_path / 'torn' / 'pretrained_model' / 'model.safetensors'
    weights.write_bytes(weights.read_bytes()[:1000])
    assert bench.main() == 1
    results = json.loads(capsys.readouterr().out)['fixtures']
    assert results['off']['largest_error'] == pytest.approx(0.1, abs=1e-3)
    assert 'truncated' in results['torn']['error']
    assert [name for name, result in results.items() if result['passed']] == ['good']
