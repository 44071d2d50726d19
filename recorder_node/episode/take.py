"""One take: rows, pictures and journal of an episode that is being recorded.

It lives in its own folder beside the dataset. `seal` makes it complete and durable; only then
may a dataset take it over. A folder that is never sealed holds what was recorded until the cut.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from pathlib import Path

import numpy as np

from recorder_node.contract.contract import Contract, Feature
from recorder_node.encoding.camera_writer import CameraWriter
from recorder_node.encoding.codecs import Codec
from recorder_node.encoding.images import ImageFile, ImageWriter
from recorder_node.encoding.video import VideoEncoder, finish
from recorder_node.episode import journal
from recorder_node.episode.journal import RowJournal, fsync_path
from recorder_node.episode.restore import restore
from recorder_node.episode.sealed import Cameras, sealed
from recorder_node.episode.sealed import SealedTake as SealedTake
from recorder_node.episode.take_folder import HEADER as HEADER
from recorder_node.episode.take_folder import ROWS, TEXTS, TakeHeader, camera_file, finished_file
from recorder_node.episode.take_folder import feature_table as feature_table
from recorder_node.episode.take_folder import leftovers as leftovers
from recorder_node.episode.texts import TextLog
from recorder_node.errors import EncodeError, RecorderError
from recorder_node.streams.sampler import Row, stream_keys


class Take:
    """Rows go in at the grid's pace; everything slow happens in the cameras' threads.

    Args:
        folder: created here; must not exist.
        contract: the features.
        fps: rows per second.
        t0_ns: time of row 0, ROS time.
        codec: for all cameras in colour.
    """

    def __init__(
        self, folder: Path, contract: Contract, fps: int, t0_ns: int, codec: Codec
    ) -> None:
        self.folder = folder
        self.t0_ns = t0_ns
        self.fps = fps
        self._contract = contract
        self._streams = tuple(k for f in contract.features for k in stream_keys(f))
        self._header = TakeHeader(contract, fps, t0_ns, self._streams)
        self._dtype = journal.record_dtype(contract, self._streams)
        self._intervention = [f.name for f in contract.session if f.session == 'intervention']
        self._cameras: dict[str, CameraWriter] = {}
        folder.mkdir(parents=True)
        try:
            self._texts = TextLog(folder / TEXTS)
            self._journal = RowJournal(folder / ROWS, self._dtype)
            self._header.write(folder)
            for feature in contract.cameras:
                self._cameras[feature.name] = self._camera(feature, codec)
            fsync_path(folder)
            fsync_path(folder.parent)
        except BaseException:
            self.remove()
            raise

    @property
    def rows(self) -> int:
        """Rows added so far."""
        return self._journal.rows

    @property
    def waiting_frames(self) -> int:
        """Frames that still have to be stored."""
        return sum(len(camera.queue) for camera in self._cameras.values())

    @property
    def spilled_frames(self) -> int:
        """Frames that went through the disk because a camera's thread was behind."""
        return sum(camera.queue.spilled_frames for camera in self._cameras.values())

    @property
    def spilled_bytes(self) -> int:
        """Bytes of those frames."""
        return sum(camera.queue.spilled_bytes for camera in self._cameras.values())

    def add(self, row: Row, task: str) -> None:
        """Add the next row.

        Raises:
            EncodeError: when a camera's frames can no longer be stored.
            OSError: when the disk refuses.
        """
        record = np.zeros((), self._dtype)
        features = record['features']
        for name, value in row.values.items():
            features[name] = value
        for name, text in row.texts.items():
            features[name] = self._texts.number(text)
        for name in self._intervention:
            features[name] = row.intervention
        record['task'] = self._texts.number(task)
        record['stamp_ns'] = [row.picks[key].sample.stamp_ns for key in self._streams]
        record['recv_ns'] = [row.picks[key].sample.recv_ns for key in self._streams]
        for name, picture in row.pictures.items():
            self._cameras[name].add(picture)
        self._journal.append(record)

    def sync(self) -> None:
        """Make what is written so far durable; texts before the rows that use them.

        Raises:
            OSError: when the disk refuses.
        """
        self._texts.sync()
        self._journal.sync()
        for camera in self._cameras.values():
            camera.sync()

    def seal(self, outcome: bool | None = None) -> SealedTake:
        """Finish the files, compare the frames with the rows, make everything durable.

        When a camera failed the take is as long as its frames; the rows behind are left out, and
        the take's warnings say so.

        Args:
            outcome: whether the operator called the episode a success; None when not marked.

        Raises:
            EncodeError: when a camera has not exactly one frame per row; the folder stays.
            RecorderError: when there is no row at all.
            OSError: when the disk refuses; the folder stays.
        """
        failures = self._close()
        if not self.rows:
            raise RecorderError('the take has no rows' + ''.join(f'; {f}' for f in failures))
        header = dataclasses.replace(self._header, outcome=outcome)
        if outcome is not None:
            header.write(self.folder)
        # A frame whose row was never completed: it must not count in the statistics either.
        superfluous = any(camera.frames == self.rows + 1 for camera in self._cameras.values())
        if failures or superfluous:
            take = self._restored(failures)
        else:
            records = journal.read(self.folder / ROWS, self._dtype)
            take = sealed(self.folder, header, records, self._texts.texts, self._finished())
        damaged = [
            f'{name}: the picture was damaged in {camera.damaged} rows, the one before was '
            f'repeated, last: {camera.damage}'
            for name, camera in self._cameras.items()
            if camera.damaged
        ]
        return dataclasses.replace(
            take,
            spilled_frames=self.spilled_frames,
            spilled_bytes=self.spilled_bytes,
            warnings=(*take.warnings, *damaged),
        )

    def abandon(self) -> None:
        """Stop the cameras' threads and keep the folder as it is, durable if the disk allows."""
        with contextlib.suppress(OSError):
            self._close()
            fsync_path(self.folder)

    def remove(self) -> None:
        """Stop the cameras' threads and delete the folder."""
        for camera in self._cameras.values():
            camera.abort()
        for name in ('_journal', '_texts'):
            if hasattr(self, name):
                with contextlib.suppress(OSError):
                    getattr(self, name).close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _camera(self, feature: Feature, codec: Codec) -> CameraWriter:
        path = camera_file(self.folder, feature)
        if feature.is_video:
            return VideoEncoder(path, feature, self.fps, codec)
        return ImageWriter(path, feature)

    def _close(self) -> list[str]:
        """End all threads, close all files; return which cameras failed, in words."""
        failures = []
        with contextlib.ExitStack() as files:
            files.callback(self._journal.close)
            files.callback(self._texts.close)
            for camera in self._cameras.values():
                try:
                    camera.close()
                except EncodeError as error:
                    failures.append(str(error))
        return failures

    def _finished(self) -> Cameras:
        """Make the cameras' files final, each with exactly one frame per row."""
        cameras = Cameras()
        for name, camera in self._cameras.items():
            cameras.stats[name] = camera.stats
            cameras.longest_still[name] = camera.longest_still
            if camera.feature.is_video:
                cameras.videos[name] = finished_file(camera.path)
                finish(camera.path, cameras.videos[name], self.fps, self.rows)
                fsync_path(cameras.videos[name])
            else:
                cameras.images[name] = ImageFile(camera.path, self.rows)
                if len(cameras.images[name]) != self.rows:
                    raise EncodeError(
                        f'{camera.path.name}: {camera.frames} frames for {self.rows} rows'
                    )
                fsync_path(camera.path)
        fsync_path(self.folder)
        return cameras

    def _restored(self, failures: list[str]) -> SealedTake:
        try:
            take, _ = restore(self.folder)
        except RecorderError as error:
            raise EncodeError('; '.join([str(error), *failures])) from error
        lost = self.rows - take.rows
        left_out = [f'{lost} rows are left out, they have no picture'] if lost else []
        return dataclasses.replace(take, warnings=(*take.warnings, *left_out, *failures))
