"""One take: rows, videos and journal of an episode that is being recorded.

It lives in its own folder beside the dataset. `seal` makes it complete and durable; only then
may a dataset take it over. A folder that is never sealed holds what was recorded until the cut.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder_node.contract import Contract
from recorder_node.errors import RecorderError
from recorder_node.journal import RowJournal, fsync_path, record_dtype
from recorder_node.sampler import Row, stream_keys
from recorder_node.stats import Stats, numeric_stats
from recorder_node.video import Codec, VideoEncoder, finish

HEADER = 'take.json'
ROWS = 'rows.bin'
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class SealedTake:
    """A complete take on disk.

    `columns` are arrays `(rows, n)` by feature; `videos` finished mp4 files by feature, each with
    exactly `rows` frames; `stamps_ns` and `recv_ns` are `(rows, streams)`; `task_of_row` indexes
    `tasks`.
    """

    folder: Path
    rows: int
    fps: int
    t0_ns: int
    columns: dict[str, NDArray[Any]]
    tasks: tuple[str, ...]
    task_of_row: NDArray[np.int32]
    videos: dict[str, Path]
    stats: dict[str, Stats]
    streams: tuple[str, ...]
    stamps_ns: NDArray[np.int64]
    recv_ns: NDArray[np.int64]
    spilled_frames: int
    longest_still: dict[str, int]

    def remove(self) -> None:
        """Delete the take's folder."""
        shutil.rmtree(self.folder)


class Take:
    """Rows go in at the grid's pace; everything slow happens in the encoders' threads.

    Args:
        folder: created here; must not exist.
        contract: the features.
        fps: rows per second.
        t0_ns: time of row 0, ROS time.
        codec: for all cameras.
    """

    def __init__(
        self, folder: Path, contract: Contract, fps: int, t0_ns: int, codec: Codec
    ) -> None:
        self.folder = folder
        self.t0_ns = t0_ns
        self.fps = fps
        self._contract = contract
        self._streams = tuple(k for f in contract.features for k in stream_keys(f))
        self._dtype = record_dtype(contract, self._streams)
        self._records: list[NDArray[np.void]] = []
        self._tasks: list[str] = []
        self._encoders: dict[str, VideoEncoder] = {}
        folder.mkdir(parents=True)
        try:
            self._journal = RowJournal(folder / ROWS, self._dtype)
            self._write_header()
            for feature in contract.cameras:
                self._encoders[feature.name] = VideoEncoder(
                    folder / f'{feature.name}.mp4', feature.shape, fps, codec
                )
            fsync_path(folder)
            fsync_path(folder.parent)
        except BaseException:
            self.remove()
            raise

    @property
    def rows(self) -> int:
        """Rows added so far."""
        return len(self._records)

    @property
    def waiting_frames(self) -> int:
        """Frames that the encoders still have to encode."""
        return sum(len(encoder.queue) for encoder in self._encoders.values())

    @property
    def spilled_frames(self) -> int:
        """Frames that went through the disk because an encoder was behind."""
        return sum(encoder.queue.spilled_frames for encoder in self._encoders.values())

    def add(self, row: Row, task: str) -> None:
        """Add the next row.

        Raises:
            EncodeError: when an encoder failed.
            OSError: when the disk refuses.
        """
        if task not in self._tasks:
            self._tasks.append(task)
            self._write_header()
        record = np.zeros((), self._dtype)
        for name, value in row.values.items():
            record[name] = value
        record['task'] = self._tasks.index(task)
        record['stamp_ns'] = [row.picks[key].sample.stamp_ns for key in self._streams]
        record['recv_ns'] = [row.picks[key].sample.recv_ns for key in self._streams]
        for name, picture in row.pictures.items():
            self._encoders[name].add(picture)
        self._journal.append(record)
        self._records.append(record)

    def sync(self) -> None:
        """Make what is written so far durable."""
        self._journal.sync()
        for encoder in self._encoders.values():
            if encoder.path.exists():
                fsync_path(encoder.path)

    def seal(self) -> SealedTake:
        """Finish the videos, compare their frames with the rows, make everything durable.

        Raises:
            EncodeError: when a video has not exactly one frame per row; the folder stays.
            RecorderError: when there is no row at all.
        """
        self._journal.close()
        if not self._records:
            self.abandon()
            raise RecorderError('the take has no rows')
        stats: dict[str, Stats] = {}
        videos: dict[str, Path] = {}
        for name, encoder in self._encoders.items():
            stats[name] = encoder.close()
        for name, encoder in self._encoders.items():
            videos[name] = encoder.path.with_suffix('.done.mp4')
            finish(encoder.path, videos[name], self.fps, self.rows)
            fsync_path(videos[name])
        fsync_path(self.folder)
        records = np.stack(self._records)
        columns = {f.name: records[f.name] for f in self._contract.numeric}
        stats.update({name: numeric_stats(values) for name, values in columns.items()})
        return SealedTake(
            folder=self.folder,
            rows=self.rows,
            fps=self.fps,
            t0_ns=self.t0_ns,
            columns=columns,
            tasks=tuple(self._tasks),
            task_of_row=records['task'],
            videos=videos,
            stats=stats,
            streams=self._streams,
            stamps_ns=records['stamp_ns'],
            recv_ns=records['recv_ns'],
            spilled_frames=self.spilled_frames,
            longest_still={name: e.longest_still for name, e in self._encoders.items()},
        )

    def abandon(self) -> None:
        """Stop the encoders and keep the folder as it is, durable."""
        for encoder in self._encoders.values():
            encoder.abort()
        self._journal.close()
        with contextlib.suppress(OSError):
            self.sync()

    def remove(self) -> None:
        """Stop the encoders and delete the folder."""
        for encoder in self._encoders.values():
            encoder.abort()
        if hasattr(self, '_journal'):
            self._journal.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_header(self) -> None:
        header = {
            'format': FORMAT,
            'fps': self.fps,
            't0_ns': self.t0_ns,
            'robot_type': self._contract.robot_type,
            'streams': self._streams,
            'tasks': self._tasks,
            'features': feature_table(self._contract),
        }
        temporary = self.folder / f'{HEADER}.tmp'
        temporary.write_text(json.dumps(header, indent=1), encoding='utf-8')
        fsync_path(temporary)
        temporary.replace(self.folder / HEADER)


def feature_table(contract: Contract) -> dict[str, dict[str, Any]]:
    """Return LeRobot's description of the contract's features: dtype, shape, names."""
    return {
        f.name: {
            'dtype': f.dtype,
            'shape': list(f.shape),
            'names': None if f.names is None else list(f.names),
        }
        for f in contract.features
    }


def leftovers(folder: Path) -> Sequence[Path]:
    """Return the takes that an earlier run left unfinished, oldest first."""
    if not folder.is_dir():
        return ()
    return sorted(path.parent for path in folder.glob(f'*/{HEADER}'))
