"""What lies in the folder of a take, and its header, which says how to read the rest."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recorder_node.contract.contract import Contract, Feature
from recorder_node.contract.depth import DepthCoding
from recorder_node.episode.journal import fsync_path
from recorder_node.errors import RecorderError

HEADER = 'take.json'
ROWS = 'rows.bin'
TEXTS = 'texts.jsonl'
FORMAT = 2


@dataclasses.dataclass(frozen=True)
class TakeHeader:
    """What all rows of a take have in common.

    `outcome` is how the operator marked the episode, once the take is sealed: success, failure
    (False) or not at all (None).
    """

    contract: Contract
    fps: int
    t0_ns: int
    streams: tuple[str, ...]
    outcome: bool | None = None

    def write(self, folder: Path) -> None:
        """Write the header durably, replacing an earlier one at once."""
        document = {
            'format': FORMAT,
            'fps': self.fps,
            't0_ns': self.t0_ns,
            'robot_type': self.contract.robot_type,
            'streams': self.streams,
            'outcome': self.outcome,
            'features': feature_table(self.contract),
            'session': {f.name: f.session for f in self.contract.session},
        }
        temporary = folder / f'{HEADER}.tmp'
        temporary.write_text(json.dumps(document, indent=1), encoding='utf-8')
        fsync_path(temporary)
        temporary.replace(folder / HEADER)
        fsync_path(folder)


def read_header(folder: Path) -> TakeHeader:
    """Return the header of a take; its features have no sources any more.

    Raises:
        RecorderError: when it cannot be read or is of another format.
    """
    try:
        document = json.loads((folder / HEADER).read_text(encoding='utf-8'))
        if document['format'] != FORMAT:
            raise RecorderError(f'{folder}: format {document["format"]} is not {FORMAT}')
        return TakeHeader(
            contract=_contract(document),
            fps=document['fps'],
            t0_ns=document['t0_ns'],
            streams=tuple(document['streams']),
            outcome=document['outcome'],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecorderError(f'{folder / HEADER}: {error!r}') from error


def feature_table(contract: Contract) -> dict[str, dict[str, Any]]:
    """Return LeRobot's description of the features: dtype, shape, names; `info` for depth."""
    table: dict[str, dict[str, Any]] = {}
    for feature in contract.features:
        table[feature.name] = {
            'dtype': feature.dtype,
            'shape': list(feature.shape),
            'names': None if feature.names is None else list(feature.names),
        }
        if feature.depth is not None:
            table[feature.name]['info'] = feature.depth.info(feature.is_video)
    return table


def camera_file(folder: Path, feature: Feature) -> Path:
    """Return the file that a camera's frames grow in."""
    return folder / f'{feature.name}{".mp4" if feature.is_video else ".images"}'


def finished_file(path: Path) -> Path:
    """Return where a camera's growing video is copied to when the take is sealed."""
    return path.with_suffix('.done.mp4')


def leftovers(folder: Path) -> Sequence[Path]:
    """Return the takes that an earlier run left unfinished, oldest first."""
    if not folder.is_dir():
        return ()
    return sorted(path.parent for path in folder.glob(f'*/{HEADER}'))


def described_feature(name: str, entry: Mapping[str, Any], session: str = '') -> Feature:
    """Return a feature from LeRobot's description of it; it has no sources."""
    return Feature(
        name,
        entry['dtype'],
        tuple(entry['shape']),
        None if entry['names'] is None else tuple(entry['names']),
        (),
        session,
        DepthCoding.from_info(entry.get('info')),
    )


def _contract(document: dict[str, Any]) -> Contract:
    session = document['session']
    features = tuple(
        described_feature(name, entry, session.get(name, ''))
        for name, entry in document['features'].items()
    )
    return Contract(document['robot_type'], features)
