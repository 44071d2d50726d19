"""Simulated cameras and a contract to the measure of a checkpoint."""

from __future__ import annotations

import atexit
import contextlib
import copy
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from policy_node.checkpoint.description import Description

_PREFIX = 'observation.images.'
_NEAR_THE_HAND = ('wrist', 'gripper', 'hand')


class SimSession(NamedTuple):
    """Files to be used instead of the package's own."""

    contract: Path
    cameras_file: Path


def write(description: Description, renames: dict[str, str], share: Path, fps: int) -> SimSession:
    """Write a contract and a cameras file with what a checkpoint needs, for this process only.

    Args:
        description: of the checkpoint.
        renames: name of an observation -> name in the checkpoint.
        share: the package's share folder.
        fps: of the cameras.

    Raises:
        OSError: when the folder for temporary files cannot be written.
    """
    contract = yaml.safe_load((share / 'config' / 'so101.yaml').read_text(encoding='utf-8'))
    features: dict[str, Any] = contract['features']
    picture = features[f'{_PREFIX}front']
    for name in [n for n in features if n.startswith(_PREFIX)]:
        del features[name]
    here = {there: name for name, there in renames.items()}
    cameras = {}
    for key, feature in description.cameras.items():
        name = here.get(key, key).removeprefix(_PREFIX)
        height, width = feature.shape[1:]
        features[f'{_PREFIX}{name}'] = {
            **copy.deepcopy(picture),
            'topic': f'/cameras/{name}/image_raw',
            'shape': [height, width, 3],
            'rate_hz': fps,
        }
        near = any(word in name for word in _NEAR_THE_HAND)
        cameras[name] = {
            'width': width, 'height': height, 'fps': fps, 'view': 'wrist' if near else 'front',
        }  # fmt: skip
    folder = Path(tempfile.gettempdir()) / f'so101_sim_{os.getpid()}'
    folder.mkdir(parents=True, exist_ok=True)
    session = SimSession(folder / 'contract.yaml', folder / 'cameras.yaml')
    session.contract.write_text(yaml.safe_dump(contract, sort_keys=False), encoding='utf-8')
    session.cameras_file.write_text(yaml.safe_dump(cameras), encoding='utf-8')
    atexit.register(_remove, session)
    return session


def _remove(session: SimSession) -> None:
    """Leave nothing in the folder for temporary files, which the simulator may use too."""
    for path in session:
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty
        session.contract.parent.rmdir()
