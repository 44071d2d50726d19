"""Times an ACT checkpoint in LeRobot 0.4; run by its Python, from `bench.policy --lerobot`.

Usage: lerobot_policy.py CHECKPOINT THREADS. Reads `chunk` or `ensembled` lines, answers with
milliseconds of what `lerobot-record` does in such a tick: conversion, processing, network.
"""

from __future__ import annotations

import contextlib
import copy
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from lerobot.configs.policies import PreTrainedConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.factory import make_pre_post_processors
from lerobot.utils.control_utils import predict_action


def main() -> None:
    """Serve measurements until the input ends."""
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    # LeRobot says on the standard output what it loads.
    with contextlib.redirect_stdout(sys.stderr):
        runs = _runners(folder)
    for name in sys.stdin:
        print(runs[name.strip()](), flush=True)


def _runners(folder: Path) -> dict[str, Callable[[], float]]:
    config = PreTrainedConfig.from_pretrained(folder)
    ensembling = copy.deepcopy(config)
    ensembling.temporal_ensemble_coeff, ensembling.n_action_steps = 0.01, 1
    return {'chunk': _runner(folder, config), 'ensembled': _runner(folder, ensembling)}


def _runner(folder: Path, config: PreTrainedConfig) -> Callable[[], float]:
    policy = ACTPolicy.from_pretrained(folder, config=config)
    before, after = make_pre_post_processors(config, pretrained_path=str(folder))
    random = np.random.default_rng(0)
    features = json.loads((folder / 'config.json').read_text())['input_features']
    observation = {
        key: random.integers(0, 256, (*entry['shape'][1:], 3), np.uint8)
        if entry['type'] == 'VISUAL'
        else random.normal(size=entry['shape']).astype(np.float32)
        for key, entry in features.items()
    }

    def measure() -> float:
        if config.temporal_ensemble_coeff is None:
            policy.reset()
        start_s = time.perf_counter()
        predict_action(observation, policy, torch.device('cpu'), before, after, False)
        return (time.perf_counter() - start_s) * 1e3

    for _ in range(2):
        measure()
    return measure


if __name__ == '__main__':
    main()
