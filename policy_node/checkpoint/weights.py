"""Weights from a file into a network that was built without memory (on torch's meta device)."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import nn

from policy_node.checkpoint.tensor_file import TensorFile
from policy_node.errors import CheckpointError

_MOST_NAMED = 20


def load_weights(
    network: nn.Module,
    file: TensorFile,
    prefix: str,
    rename: Callable[[str], str] = lambda name: name,
    ignored: str = '',
) -> tuple[str, ...]:
    """Fill a network with float32 tensors of a file; nothing is read before every shape fits.

    Args:
        network: built on the meta device.
        file: the checkpoint's weights.
        prefix: what the names of this network begin with there.
        rename: from a name there, without the prefix, to the name in the network.
        ignored: pattern of names there, without the prefix, that inference does not need.

    Returns:
        Sentences about tensors that are not used, for the log.

    Raises:
        CheckpointError: with every tensor that is missing, too many, misshapen or not finite.
    """
    wanted = network.state_dict()
    stored = {
        # A model saved while compiled has an extra part in its names.
        rename(name.removeprefix(prefix).replace('._orig_mod', '')): name
        for name in file.entries
        if name.startswith(prefix)
    }
    problems = [f'{prefix}{name} is missing' for name in wanted if name not in stored]
    for name, tensor in wanted.items():
        entry = file.entries[stored[name]] if name in stored else None
        if entry and entry.shape != tuple(tensor.shape):
            problems.append(
                f'{stored[name]} is {list(entry.shape)}; config.json asks for {list(tensor.shape)}'
            )
        elif entry and not entry.dtype.is_floating_point:
            problems.append(f'{stored[name]} holds {entry.dtype}, no floating point numbers')
    unused = [name for name in stored if name not in wanted]
    # One layer more of a kind that is there: config.json and weights are not of one network.
    kinds = {_kind(name) for name in wanted}
    problems += [
        f'{stored[name]} has no place in the network of config.json'
        for name in unused
        if _kind(name) in kinds
    ]
    _refuse(file, problems)
    tensors = {name: file.read([stored[name]])[stored[name]].float() for name in wanted}
    _refuse(
        file,
        [
            f'{stored[name]} holds values that are not finite'
            for name, tensor in tensors.items()
            if not torch.isfinite(tensor).all()
        ],
    )
    network.load_state_dict(tensors, assign=True)
    strange = [name for name in unused if not (ignored and re.search(ignored, name))]
    return tuple(f'not used: {stored[name]}' for name in strange)


def _kind(name: str) -> str:
    return re.sub(r'\.\d+\.', '.#.', name)


def _refuse(file: TensorFile, problems: list[str]) -> None:
    if len(problems) > _MOST_NAMED:
        problems = [*problems[:_MOST_NAMED], f'and {len(problems) - _MOST_NAMED} more']
    if problems:
        raise CheckpointError(file.path, problems)
