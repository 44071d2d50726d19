"""The thread that keeps pictures coming: hands them on, notices when none come, opens again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from so101_driver.cameras.frame import GRAB, DamagedError, Frame
from so101_driver.cameras.grabber import Grabber
from so101_driver.cameras.health import Health
from so101_driver.cameras.source import CameraSource, MissingError
from so101_driver.common.errors import CameraError

_REOPEN_PERIOD_S = 0.2
_OPEN_TIMEOUT_S = 10.0
# An opened camera needs a while before its first picture, the longer the more often it failed to.
_FIRST_PICTURE_S = 3.0
_FIRST_PICTURE_AGAIN_S = 1.5
_MORE_PATIENCE = 1.5
_MOST_PATIENCE_S = 5.0
_RELEASE_S = 1.5  # a grab of V4L2 ends after a second
_MOST_HANGING = 3
_NS = 1_000_000_000


class CaptureOptions(NamedTuple):
    """What becomes of pictures.

    Attributes:
        rotation_deg: 0, 90, 180 or 270, clockwise.
        latency_s: From exposure to stamp; subtracted.
        stall_timeout_s: Without a picture for so long, the source is opened again.
    """

    rotation_deg: int = 0
    latency_s: float = 0.0
    stall_timeout_s: float = 1.0


class CaptureThread:
    """Hands on the pictures of a source, from whatever interruption it comes back.

    Grabbing has a thread of its own (`Grabber`): one that hangs in a driver is left to itself, and
    a fresh source takes its place.

    Args:
        make_source: Returns the source, not open.
        options: What becomes of pictures.
        publish: Takes each picture, in this thread.
        report: Takes one line per change of state, for the log.
    """

    def __init__(
        self,
        make_source: Callable[[], CameraSource],
        options: CaptureOptions,
        publish: Callable[[Frame], None],
        report: Callable[[str], None],
    ) -> None:
        self.source = make_source()
        self.health = Health()
        self.problem = ''
        self._make_source = make_source
        self._options = options
        self._publish = publish
        self._report = report
        self._is_open = False
        self._last_s = 0.0
        self._first_s = _FIRST_PICTURE_S
        self._told: set[str] = set()
        self._told_of_stamps = False
        self._told_warning = ''
        self._hanging: list[Grabber] = []
        self._lock = threading.Lock()
        self._grabber: Grabber | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name='capture', daemon=True)

    def open_within(self, wait_s: float, stopped: Callable[[], bool]) -> None:
        """Open the source before the start, waiting for a device that is not there yet.

        Raises:
            CameraError: at once for everything that waiting does not cure.
        """
        deadline_s = time.monotonic() + wait_s
        while True:
            try:
                self.source.open()
                break
            except MissingError:
                if time.monotonic() >= deadline_s or stopped():
                    raise
            time.sleep(0.05)
        self._is_open = True

    def start(self) -> None:
        """Begin to capture."""
        self._thread.start()

    def close(self) -> None:
        """Stop capturing and close the source, soon, whatever the driver does; twice is fine."""
        self._stop.set()
        with self._lock:
            if self._grabber is not None:
                self._grabber.leave()
        if self._thread.ident is not None:
            self._thread.join(2 * _RELEASE_S)
        elif self._is_open:
            self._is_open = False
            self.source.close()

    def _run(self) -> None:
        self._last_s = time.monotonic()
        while not self._stop.is_set():
            self._hanging = [grabber for grabber in self._hanging if not grabber.ended(0.0)]
            if len(self._hanging) < _MOST_HANGING:
                self._capture()
            self._stop.wait(_REOPEN_PERIOD_S)

    def _capture(self) -> None:
        """Open the source and hand on its pictures until there are none."""
        with self._lock:
            grabber = self._grabber = Grabber(self.source, self._is_open, self.health)
            if self._stop.is_set():
                grabber.leave()
        self._is_open = False
        try:
            if grabber.wait_open(_OPEN_TIMEOUT_S):
                self.health.count(reopened=bool(self.problem))
                self._hand_on_all(grabber)
            elif not self._stop.is_set():
                self._trouble('the driver hangs while it opens the camera')
        except CameraError as error:
            self._trouble(str(error))
        except Exception as error:  # a thread that died unseen would look like a frozen camera
            self._trouble(f'error while capturing: {error!r}')
        grabber.leave()
        if not grabber.ended(_RELEASE_S):
            self._report('the driver does not let go of the camera')
            self._hanging.append(grabber)
            self.source = self._make_source()

    def _hand_on_all(self, grabber: Grabber) -> None:
        if self.source.warning != self._told_warning:
            self._told_warning = self.source.warning
            self._report(self._told_warning)
        good_s, patience_s = time.monotonic(), max(self._first_s, self._options.stall_timeout_s)
        self._first_s = min(self._first_s * _MORE_PATIENCE, _MOST_PATIENCE_S)
        while (frame := grabber.take(max(good_s + patience_s - time.monotonic(), 0.0))) is not None:
            if self._hand_on(frame):
                good_s, patience_s = time.monotonic(), self._options.stall_timeout_s
        if not self._stop.is_set():
            gap_s = time.monotonic() - self._last_s
            self._trouble(f'no picture for {gap_s:.1f} s', 'no picture')

    def _hand_on(self, frame: Frame) -> bool:
        """Hand a picture on; False when it turns out to be damaged."""
        options = self._options
        try:
            self._publish(frame.adjusted(options.rotation_deg, round(options.latency_s * _NS)))
        except DamagedError:
            self.health.count(damaged=1)
            return False
        now_s = time.monotonic()
        if self.problem:
            self._report(f'the camera is back after {now_s - self._last_s:.1f} s')
            self.problem = ''
            self._told.clear()
        self._first_s = _FIRST_PICTURE_AGAIN_S
        self._last_s = now_s
        if text := self.health.picture(now_s, frame.stamp_source, self.source.rate_hz):
            self._report(text)
        if frame.stamp_source == GRAB and self.source.paces_itself and not self._told_of_stamps:
            self._told_of_stamps = True
            self._report('pictures are stamped when they are grabbed: the driver does not say when')
        return True

    def _trouble(self, text: str, kind: str = '') -> None:
        """Keep what is wrong, and say it once for each outage."""
        self.health.interrupt()
        self.problem = text
        if (kind or text) not in self._told:
            self._told.add(kind or text)
            self._report(text)
