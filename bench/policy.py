"""Policies: how fast they are, and whether they give LeRobot's actions.

    python -m bench.policy [--json] [--precision bf16] [--lerobot PYTHON]
    python -m bench.policy --fixtures DIR [--json]

The first times ACT at LeRobot's default size with two cameras of 480x640 and random weights;
`--lerobot` names a Python with LeRobot 0.4 in it, which then takes turns with this program. The
second runs every fixture in a folder, prints the largest error of each, and exits with 1 when one
misses its tolerance. Figures include the scheduler; run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.policy_fixtures import ATOL, compare, is_fixture, materialize
from bench.random_act import write_random_act
from policy_node.errors import PolicyError
from policy_node.networks.policies import load_policy
from policy_node.networks.policy import Observation, Options, Policy, warm_up
from policy_node.runtime.selector import ActionSelector

SIZE = (480, 640)
CAMERAS = ('observation.images.front', 'observation.images.wrist')
_ENSEMBLE = {'temporal_ensemble_coeff': 0.01, 'n_action_steps': 1}


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--json', action='store_true', help='print JSON')
    parser.add_argument('--fixtures', type=Path, help='folder of fixtures to compare')
    parser.add_argument('--tolerance', type=float, default=ATOL, help='absolute and relative')
    parser.add_argument('--device', default='cpu', help='auto, cpu, cuda or mps')
    parser.add_argument('--precision', default='float32', help='float32, bf16 or fp16')
    parser.add_argument('--compile', action='store_true', help='use torch.compile')
    parser.add_argument('--threads', type=int, default=0, help='threads of torch; 0 for its own')
    parser.add_argument('--rounds', type=int, default=15, help='repetitions of each measurement')
    parser.add_argument('--lerobot', metavar='PYTHON', help='Python with LeRobot 0.4, to compare')
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    options = Options(
        device=arguments.device, precision=arguments.precision, compile=arguments.compile
    )
    if arguments.fixtures:
        return _compare_all(arguments.fixtures, options, arguments.tolerance, arguments.json)
    figures = _time_all(options, arguments.rounds, arguments.lerobot)
    print(json.dumps(figures, indent=2) if arguments.json else _table(figures))
    return 0


def _compare_all(folder: Path, options: Options, tolerance: float, as_json: bool) -> int:
    results: dict[str, dict[str, Any]] = {}
    fixtures = [path for path in sorted(folder.iterdir()) if is_fixture(path)]
    for fixture in fixtures:
        with tempfile.TemporaryDirectory() as scratch:
            try:
                checkpoint = materialize(fixture, Path(scratch) / 'checkpoint')
                comparison = compare(fixture, checkpoint, options, tolerance)
                result = {**dataclasses.asdict(comparison), 'passed': comparison.passed}
            except (PolicyError, OSError, ValueError, KeyError) as error:
                result = {'fixture': fixture.name, 'error': str(error), 'passed': False}
        results[fixture.name] = result
        if not as_json:
            error = result.get('error') or (
                f'largest error {result["largest_error"]:.2e}, {result["excess"]:.3f} of the '
                f'tolerance, {result["relative_rms"]:.1e} of the spread (rms)'
            )
            print(f'{"ok  " if result["passed"] else "MISS"} {fixture.name:28} {error}')
    passed = bool(results) and all(result['passed'] for result in results.values())
    if as_json:
        print(json.dumps({'passed': passed, 'fixtures': results}, indent=2))
    elif not results:
        print(f'no fixture in {folder}', file=sys.stderr)
    return 0 if passed else 1


def _time_all(options: Options, rounds: int, lerobot: str | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_random_act(Path(scratch) / 'act', dict.fromkeys(CAMERAS, SIZE))
        start_s = time.perf_counter()
        policy = load_policy(folder, options)
        load_s = time.perf_counter() - start_s
        ensembled = load_policy(folder, dataclasses.replace(options, overrides=_ENSEMBLE))
        measures = _measures(policy, ensembled)
        if lerobot:
            other = _Other(lerobot, folder)
            measures |= {f'lerobot_{name}': other.timer(name) for name in ('chunk', 'ensembled')}
        samples: dict[str, list[float]] = {name: [] for name in measures}
        for _ in range(rounds):
            for name, measure in measures.items():
                samples[name].append(measure())
        if lerobot:
            other.close()
    figures: dict[str, Any] = {
        'device': policy.info.device,
        'precision': policy.info.precision,
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
        'load_s': round(load_s, 2),
    }
    figures |= {f'{name}_ms': _summary(values) for name, values in samples.items()}
    if lerobot:
        for name in ('chunk', 'ensembled'):
            ours, theirs = figures[f'{name}_ms'], figures[f'lerobot_{name}_ms']
            figures[f'{name}_over_lerobot'] = {
                key: round(ours[key] / theirs[key], 3) for key in ('median', 'min')
            }
    return figures


def _measures(policy: Policy, ensembled: Policy) -> dict[str, Callable[[], float]]:
    """Return what is timed, each giving milliseconds."""
    random = np.random.default_rng(0)
    observation: Observation = {
        key: random.integers(0, 256, (*SIZE, 3), np.uint8)
        if key in CAMERAS
        else random.normal(size=feature.shape).astype(np.float32)
        for key, feature in policy.info.input_features.items()
    }
    network_s = [0.0]
    _clock_network(policy, network_s)
    warm_up(policy)
    warm_up(ensembled)
    queued, stepwise = ActionSelector(policy), ActionSelector(ensembled)
    queued.select(observation)

    def outside() -> float:
        network_s[0] = 0.0
        total_ms = _clock(lambda: policy.chunk([observation]))
        return total_ms - network_s[0] * 1e3

    def tick() -> float:
        if queued.queued == 0:
            queued.select(observation)
        return _clock(lambda: queued.select(observation))

    return {
        'chunk': lambda: _clock(lambda: policy.chunk([observation])),
        'ensembled': lambda: _clock(lambda: stepwise.select(observation)),
        'outside_network': outside,
        'queued_tick': tick,
    }


def _clock_network(policy: Any, network_s: list[float]) -> None:
    """Let a policy add the time spent in its network to `network_s`."""
    forward = policy.network.forward

    def clocked(*arguments: Any) -> Any:
        start_s = time.perf_counter()
        result = forward(*arguments)
        network_s[0] += time.perf_counter() - start_s
        return result

    policy.network.forward = clocked


def _clock(work: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    work()
    return (time.perf_counter() - start_s) * 1e3


def _summary(samples: list[float]) -> dict[str, float]:
    low, median, high = np.percentile(samples, (0, 50, 95))
    return {
        'min': round(float(low), 3),
        'median': round(float(median), 3),
        'p95': round(float(high), 3),
    }


class _Other:
    """LeRobot in a process of its own; one line in, one measurement out."""

    def __init__(self, python: str, checkpoint: Path) -> None:
        script = Path(__file__).with_name('lerobot_policy.py')
        threads = str(torch.get_num_threads())
        self._process = subprocess.Popen(
            [python, str(script), str(checkpoint), threads],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def timer(self, name: str) -> Callable[[], float]:
        """Return what measures `chunk` or `ensembled` there, in milliseconds."""

        def measure() -> float:
            assert self._process.stdin and self._process.stdout
            self._process.stdin.write(f'{name}\n')
            self._process.stdin.flush()
            return float(self._process.stdout.readline())

        return measure

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def _table(figures: dict[str, Any]) -> str:
    lines = []
    for name, value in figures.items():
        words = ', '.join(f'{k} {v:g}' for k, v in value.items()) if type(value) is dict else value
        lines.append(f'{name:28} {words}')
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
