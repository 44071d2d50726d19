"""Policy fixtures: small checkpoints, observations, and the actions that real LeRobot gave.

A fixture is a folder with `fixture.json`, `observations.npz`, `expected.npz` and a checkpoint in
`pretrained_model`. To stay small, most leave the backbone out of the weights and describe its
numbers by a recipe (`generated.json`) that gives the same bits everywhere.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policy_node.checkpoint.tensor_file import TensorFile
from policy_node.networks.diffusion.policy import DiffusionPolicy
from policy_node.networks.policies import load_policy
from policy_node.networks.policy import Options
from policy_node.runtime.selector import ActionSelector

ATOL = RTOL = 1e-3
_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_LARGEST_BYTES = 2**30
_DTYPES = {'float32': 'F32', 'float16': 'F16', 'int64': 'I64'}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Actions computed here against those of the fixture, over all steps.

    `excess` is the largest error in units of the tolerance: above 1 is a miss. `relative_rms` is
    the root of the mean squared error over the standard deviation of the actions.
    """

    fixture: str
    steps: int
    largest_error: float
    excess: float
    relative_rms: float

    @property
    def passed(self) -> bool:
        """Whether every action is within the tolerance."""
        return self.excess <= 1


def is_fixture(folder: Path) -> bool:
    """Tell whether a folder holds a fixture."""
    return (folder / 'fixture.json').is_file()


def materialize(fixture: Path, target: Path) -> Path:
    """Write the whole checkpoint of a fixture to a new folder and return it."""
    source = fixture / 'pretrained_model'
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.name not in ('model_core.safetensors', 'generated.json'):
            shutil.copyfile(path, target / path.name)
    if not (source / 'model.safetensors').exists():
        core = TensorFile(source / 'model_core.safetensors', _LARGEST_BYTES)
        tensors = {name: tensor.numpy() for name, tensor in core.read(core.entries).items()}
        tensors |= _generate(json.loads((source / 'generated.json').read_text()))
        write_safetensors(target / 'model.safetensors', tensors)
    return target


def compare(
    fixture: Path, checkpoint: Path, options: Options, tolerance: float = ATOL
) -> Comparison:
    """Run a fixture's checkpoint over its observations.

    Args:
        fixture: the folder.
        checkpoint: its checkpoint, whole.
        options: how to run it.
        tolerance: absolute and relative.

    Raises:
        PolicyError: when the checkpoint cannot be run.
    """
    about = json.loads((fixture / 'fixture.json').read_text())
    expected = np.load(fixture / 'expected.npz')
    actions = run(fixture, checkpoint, about, expected, options)
    wanted = expected['action']
    error = np.abs(actions - wanted)
    return Comparison(
        fixture.name,
        len(wanted),
        float(error.max()),
        float((error / (tolerance + tolerance * np.abs(wanted))).max()),
        float(np.sqrt((error**2).mean() / wanted.var(axis=0).mean())),
    )


def run(
    fixture: Path,
    checkpoint: Path,
    about: Mapping[str, Any],
    expected: Mapping[str, NDArray[Any]],
    options: Options,
) -> NDArray[np.float32]:
    """Return the actions (step, action size) for a fixture's observations."""
    policy = load_policy(checkpoint, options)
    selector = ActionSelector(policy)
    arrives_as = {new: old for old, new in about.get('rename_map', {}).items()}
    observations = np.load(fixture / 'observations.npz')
    arrays = {arrives_as.get(key, key): observations[key] for key in observations.files}
    resets = set(expected['reset_before'].tolist())
    seeds = dict(
        zip(expected['infer_steps'].tolist(), expected.get('noise_seed', []), strict=False)
    )
    actions = []
    for step in range(len(expected['action'])):
        if step in resets:
            selector.reset()
        if step in seeds and isinstance(policy, DiffusionPolicy):
            policy.generator.manual_seed(int(seeds[step]))
        action = selector.select({key: array[step] for key, array in arrays.items()})
        actions.append(action.numpy())
    return np.stack(actions)


def write_safetensors(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays (float32, float16 or int64) as a safetensors file."""
    header: dict[str, Any] = {'__metadata__': {'format': 'pt'}}
    place = 0
    for name, array in tensors.items():
        header[name] = {
            'dtype': _DTYPES[array.dtype.name],
            'shape': list(array.shape),
            'data_offsets': [place, place + array.nbytes],
        }
        place += array.nbytes
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with path.open('wb') as file:
        file.write(struct.pack('<Q', len(text)) + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array).tobytes())


def _generate(recipe: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the tensors of a recipe; number i depends on seed, name and i alone."""
    tensors: dict[str, NDArray[Any]] = {}
    for name, entry in recipe['tensors'].items():
        shape = tuple(entry['shape'])
        if entry['kind'] == 'int_zero':
            tensors[name] = np.zeros(shape, np.int64)
            continue
        seed = (recipe['seed'] * _GOLDEN ^ _fnv1a64(name)) & _MASK
        count = int(np.prod(shape, dtype=np.int64))
        with np.errstate(over='ignore'):
            x = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(seed)
            # The output function of splitmix64.
            x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            x ^= x >> np.uint64(31)
        share = (x >> np.uint64(40)).astype(np.float64) / 2.0**24
        low, high = entry['lo'], entry['hi']
        tensors[name] = (low + (high - low) * share).astype(np.float32).reshape(shape)
    return tensors


def _fnv1a64(text: str) -> int:
    digest = 0xCBF29CE484222325
    for byte in text.encode():
        digest = ((digest ^ byte) * 0x100000001B3) & _MASK
    return digest
