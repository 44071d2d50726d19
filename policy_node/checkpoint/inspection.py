"""A look at a checkpoint's files before a motor is powered; torch is not needed for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from policy_node.checkpoint.description import (
    LARGEST_STATISTICS,
    LARGEST_WEIGHTS,
    POSTPROCESSOR,
    PREPROCESSOR,
    WEIGHTS,
    Description,
    pickles,
    read_json,
)
from policy_node.checkpoint.tensor_header import read_entries
from policy_node.errors import CheckpointError

_INDEX = f'{WEIGHTS}.index.json'
_ADAPTER = 'adapter_model.safetensors'
# A policy of several billion parameters in float32, as LeRobot loads it.
_LARGEST_FOREIGN = 64 * 2**30


def problems(description: Description, is_foreign: bool) -> list[str]:
    """Say which of a checkpoint's files are missing, cut, or not what their names say.

    Args:
        description: its config.json.
        is_foreign: it is loaded by lerobot, not by the networks of this package.
    """
    folder = description.folder
    found: list[str] = []
    for check in (_weights(folder, is_foreign), _processors(folder)):
        try:
            found += check
        except CheckpointError as error:
            found.append(str(error))
    return found


def _weights(folder: Path, is_foreign: bool) -> Iterator[str]:
    """Look at the header of every file of weights."""
    largest = _LARGEST_FOREIGN if is_foreign else LARGEST_WEIGHTS
    index = folder / _INDEX
    if index.is_file():
        places = read_json(index).get('weight_map')
        names = sorted(set(places.values())) if isinstance(places, dict) else []
        if not names:
            yield f'{index}: "weight_map" names no file'
    else:
        adapter = (folder / _ADAPTER).exists()
        names = [_ADAPTER] if adapter and is_foreign else [WEIGHTS]
    for name in names:
        path = folder / str(name)
        if not path.exists():
            yield f'{folder} holds no {name}{pickles(folder)}'
        else:
            yield from _refusal(path, largest)


def _processors(folder: Path) -> Iterator[str]:
    """Look at the pipelines and the statistics beside them; older checkpoints have none."""
    there = [name for name in (PREPROCESSOR, POSTPROCESSOR) if (folder / name).exists()]
    if len(there) == 1:
        missing = {PREPROCESSOR: POSTPROCESSOR, POSTPROCESSOR: PREPROCESSOR}[there[0]]
        yield f'{folder} holds {there[0]} but no {missing}'
    for name in there:
        steps: Any = read_json(folder / name).get('steps')
        if not isinstance(steps, list):
            yield f'{folder / name}: "steps" must be a list, it is {steps!r:.40}'
            continue
        for step in steps:
            state = step.get('state_file') if isinstance(step, dict) else None
            if isinstance(state, str) and not (folder / state).is_file():
                yield f'{folder / name} names {state}, which is missing'
            elif isinstance(state, str):
                yield from _refusal(folder / state, LARGEST_STATISTICS)


def _refusal(path: Path, largest: int) -> Iterator[str]:
    try:
        read_entries(path, largest)
    except CheckpointError as error:
        yield str(error)
