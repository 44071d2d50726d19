"""Runs where the real lerobot is: Real-Time Chunking through this package, and by LeRobot itself.

`python flow_referee.py FOLDER`, with this repository and `data/tiny_flow` on the path, makes a
checkpoint of the policy there, runs it both ways with the same noise, and prints JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from configuration_tinyflow import TinyflowConfig
from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.processor import (
    DeviceProcessorStep,
    NormalizerProcessorStep,
    PolicyProcessorPipeline,
    UnnormalizerProcessorStep,
)
from lerobot.processor.converters import (
    policy_action_to_transition,
    transition_to_policy_action,
)
from modeling_tinyflow import TinyflowPolicy

from policy_node.networks.policies import load_policy
from policy_node.networks.policy import Ahead, Options

JOINTS = 3
HORIZON, DELAY, USED = 8, 3, 5
SCALE = 10.0


def write(folder: Path) -> None:
    """Write the checkpoint as LeRobot does; actions are stored divided by ten."""
    config = TinyflowConfig(
        input_features={'observation.state': PolicyFeature(FeatureType.STATE, (JOINTS,))},
        output_features={'action': PolicyFeature(FeatureType.ACTION, (JOINTS,))},
        device='cpu',
    )
    TinyflowPolicy(config).save_pretrained(folder)
    stats = {'action': {'mean': np.zeros(JOINTS), 'std': np.full(JOINTS, SCALE)}}
    features = {**config.input_features, **config.output_features}
    normalizing = {'features': features, 'norm_map': config.normalization_mapping, 'stats': stats}
    PolicyProcessorPipeline(
        steps=[DeviceProcessorStep(device='cpu'), NormalizerProcessorStep(**normalizing)],
        name='policy_preprocessor',
    ).save_pretrained(folder)
    PolicyProcessorPipeline(
        steps=[UnnormalizerProcessorStep(**normalizing)],
        name='policy_postprocessor',
        to_transition=policy_action_to_transition,
        to_output=transition_to_policy_action,
    ).save_pretrained(folder)


def main(folder: Path) -> dict:
    """Compare both ways."""
    write(folder)
    policy = load_policy(folder, Options(device='cpu', rtc_horizon=HORIZON))
    states = [np.full(JOINTS, value, np.float32) for value in (0.5, -0.5)]
    torch.manual_seed(0)
    first = policy.chunk([{'observation.state': states[0]}])
    second = policy.chunk([{'observation.state': states[1]}], Ahead(USED, DELAY))
    real = policy._policy  # the same weights; LeRobot's own calls from here on
    torch.manual_seed(0)
    batches = [{'observation.state': torch.tensor(state)[None]} for state in states]
    with torch.no_grad():
        raw = real.predict_action_chunk(batches[0], inference_delay=0, prev_chunk_left_over=None)[0]
        again = real.predict_action_chunk(
            batches[1],
            inference_delay=DELAY,
            prev_chunk_left_over=raw[USED : USED + HORIZON],
        )[0]
    return {
        'first': float((first - SCALE * raw).abs().max()),
        'second': float((second - SCALE * again).abs().max()),
        'rows': second.mean(dim=1).tolist(),
        'horizon': policy.info.rtc_horizon,
    }


if __name__ == '__main__':
    print(json.dumps(main(Path(sys.argv[1]))))
