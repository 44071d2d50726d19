"""A camera that stalls, hangs, vanishes and comes back, through its capture thread."""

from __future__ import annotations

import itertools
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from so101_driver.cameras import capture as capture_module
from so101_driver.cameras.capture import CaptureOptions, CaptureThread
from so101_driver.cameras.frame import DRIVER, GRAB, Frame
from so101_driver.cameras.grabber import Grabber
from so101_driver.cameras.health import Health
from so101_driver.cameras.source import MissingError
from tests.conftest import wait_until
from tests.unit.driver.camera_rig import FakeDevice, gradient, jpeg, ros_ns, source

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='V4L2')

MS = 1_000_000
BACK = re.compile(r'the camera is back after \d+\.\d s')


class Rig:
    """A fake device, the thread that captures from it, and what comes of it."""

    def __init__(self, folder: Path) -> None:
        self.device = FakeDevice(folder)
        self.frames: list[Frame] = []
        self.reports: list[str] = []
        self.thread = CaptureThread(
            lambda: source(self.device), CaptureOptions(), self.take, self.reports.append
        )

    def use(self, options: CaptureOptions, exact: bool = True) -> None:
        self.thread = CaptureThread(
            lambda: source(self.device, exact=exact), options, self.take, self.reports.append
        )

    def take(self, frame: Frame) -> None:
        _ = frame.image
        self.frames.append(frame)

    def run(self) -> None:
        self.thread.open_within(0.0, lambda: False)
        self.thread.start()
        self.wait_for_more()

    def wait_for_more(self, count: int = 3) -> None:
        seen = len(self.frames)
        wait_until(lambda: len(self.frames) >= seen + count, what='pictures')

    def wait_for(self, words: str) -> None:
        wait_until(lambda: any(words in text for text in self.reports), what=words)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.device.let_go.set()
    made.thread.close()


def test_a_stalled_camera_is_opened_again_and_told_once(rig: Rig) -> None:
    rig.use(CaptureOptions(stall_timeout_s=0.2))
    rig.run()
    opened = len(rig.device.captures)
    rig.device.stalled.set()
    wait_until(lambda: len(rig.device.captures) > opened, what='another opening')
    assert rig.thread.problem.startswith('no picture for')
    assert rig.thread.health.counts().rate_hz == 0
    rig.device.stalled.clear()
    rig.wait_for('the camera is back')
    wait_until(lambda: rig.thread.problem == '', what='pictures')
    rig.thread.close()
    for lost, back in itertools.zip_longest(rig.reports[0::2], rig.reports[1::2]):
        assert re.fullmatch(r'no picture for \d+\.\d s', lost)
        assert back is None or BACK.fullmatch(back)
    assert rig.thread.health.counts().reopened >= 1
    assert rig.thread.health.counts().longest_gap_s > 0.2


def test_a_stall_that_ends_by_itself_was_told_too(rig: Rig) -> None:
    """The driver gives pictures again before anybody could open it again."""
    rig.use(CaptureOptions(stall_timeout_s=0.2))
    rig.run()
    rig.device.hanging.set()
    rig.wait_for('no picture for')
    rig.device.hanging.clear()
    rig.device.let_go.set()
    rig.wait_for('the camera is back')
    rig.wait_for_more()


def test_a_driver_that_hangs_is_left_to_itself(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, '_RELEASE_S', 0.1)
    rig.use(CaptureOptions(stall_timeout_s=0.2))
    rig.run()
    rig.device.hanging.set()
    rig.wait_for('the driver does not let go of the camera')
    stuck = rig.device.captures[0]
    rig.device.hanging.clear()
    rig.wait_for('the camera is back')
    assert not stuck.released, 'only the thread that grabs may release'
    rig.device.let_go.set()
    wait_until(lambda: stuck.released, what='the stuck thread to release its device')
    rig.wait_for_more()


def test_hanging_threads_do_not_pile_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, '_RELEASE_S', 0.05)
    monkeypatch.setattr(capture_module, '_FIRST_PICTURE_AGAIN_S', 0.05)
    monkeypatch.setattr(capture_module, '_REOPEN_PERIOD_S', 0.02)
    rig.use(CaptureOptions(stall_timeout_s=0.05))
    rig.run()
    rig.device.hanging.set()
    most = capture_module._MOST_HANGING
    wait_until(lambda: rig.device.hung == most, what='threads that hang')
    time.sleep(0.3)
    assert rig.device.hung == most
    rig.device.hanging.clear()
    rig.device.let_go.set()
    rig.wait_for('the camera is back')


def test_closing_does_not_wait_for_a_driver_that_hangs(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_module, '_RELEASE_S', 0.1)
    rig.run()
    rig.device.hanging.set()
    grabs = rig.device.grabs
    closed = threading.Event()

    def close() -> None:
        rig.thread.close()
        rig.thread.close()
        closed.set()

    threading.Thread(target=close, daemon=True).start()
    assert closed.wait(20.0), 'close() waits for the driver'
    seen = len(rig.frames)
    rig.device.let_go.set()
    wait_until(lambda: rig.device.captures[0].released, what='the release')
    assert len(rig.frames) == seen
    assert rig.device.grabs <= grabs + 1


def test_closing_before_the_start_releases(rig: Rig) -> None:
    rig.thread.open_within(0.0, lambda: False)
    rig.thread.close()
    rig.thread.close()
    assert rig.device.captures[0].released == 1


def test_fifty_unplugs_in_a_row(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, '_REOPEN_PERIOD_S', 0.01)
    rig.run()
    for number in range(1, 51):
        rig.device.unplug()
        wait_until(lambda: rig.thread.problem, what='the loss')
        rig.device.plug()
        wait_until(
            lambda number=number: sum('is back' in text for text in rig.reports) == number,
            what=f'return {number}',
        )
    told = [text for text in rig.reports if BACK.fullmatch(text)]
    lost = [text for text in rig.reports if 'unplugged' in text]
    assert len(told) == 50
    assert len(lost) == 50
    assert rig.thread.health.counts().reopened == 50
    assert all(capture.released == 1 for capture in rig.device.captures[:-1])
    stamps = [frame.stamp_ns for frame in rig.frames]
    assert all(b > a for a, b in itertools.pairwise(stamps))


def test_a_problem_that_lasts_is_told_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, '_REOPEN_PERIOD_S', 0.01)
    rig.run()
    rig.device.unplug()
    rig.wait_for('unplugged')
    rig.device.is_busy = True
    rig.device.plug()
    wait_until(lambda: len(rig.device.captures) > 6, what='attempts')
    rig.device.is_busy = False
    rig.wait_for('the camera is back')
    told = [text for text in rig.reports if 'another program uses it' in text]
    assert len(told) == 1
    assert all(capture.released == 1 for capture in rig.device.captures[:-1])


def test_who_waits_for_a_picture_is_let_go(rig: Rig) -> None:
    rig.device.hanging.set()
    grabber = Grabber(source(rig.device), False, Health())
    assert grabber.wait_open(60.0)
    reader = threading.Thread(target=grabber.take, args=(3600.0,), daemon=True)
    reader.start()
    grabber.leave()
    reader.join(30.0)
    assert not reader.is_alive()
    rig.device.let_go.set()
    assert grabber.ended(30.0)


def test_a_camera_that_comes_back_as_another_is_told(rig: Rig) -> None:
    rig.run()
    rig.device.unplug()
    rig.wait_for('no such device')
    rig.device.gives[cv2.CAP_PROP_FPS] = 15
    rig.device.plug()
    rig.wait_for('got 64x48 15 fps MJPG')
    rig.device.gives.clear()
    rig.wait_for('the camera is back')


def test_damaged_pictures_are_counted_and_not_handed_on(rig: Rig) -> None:
    good, served = jpeg(), itertools.count()

    def serve() -> np.ndarray:
        data = good[:-2] if next(served) % 3 == 0 else good
        return np.frombuffer(data, np.uint8)[None]

    rig.device.serve = serve
    rig.run()
    rig.wait_for_more(20)
    rig.thread.close()
    counts = rig.thread.health.counts()
    assert counts.damaged >= 10
    assert counts.frames == len(rig.frames)
    assert all(np.abs(f.image.astype(int) - gradient()).max() < 40 for f in rig.frames)
    assert rig.reports == []


def test_nothing_but_damaged_pictures_is_a_stall(rig: Rig) -> None:
    """Whether they are refused when they are grabbed or when they are decoded."""
    rig.use(CaptureOptions(stall_timeout_s=0.2))
    rig.run()
    sent = bytearray(jpeg())
    place = sent.index(b'\xff\xc4')
    sent[place + 5 : place + 21] = bytes([255] * 16)
    rig.device.serve = lambda: np.frombuffer(bytes(sent), np.uint8)[None]
    rig.wait_for('no picture for')
    rig.device.serve = lambda: np.frombuffer(jpeg(), np.uint8)[None]
    rig.wait_for('the camera is back')


def test_latency_and_rotation(rig: Rig) -> None:
    rig.use(CaptureOptions(rotation_deg=270, latency_s=0.25))
    rig.run()
    frame = rig.frames[-1]
    assert frame.image.shape[:2] == (64, 48)
    assert ros_ns() - frame.stamp_ns >= 270 * MS
    assert frame.stamp_source == DRIVER
    assert rig.reports == []


def test_stamps_at_the_grab_are_told_once(rig: Rig) -> None:
    rig.device.stamp_ms = lambda _: 0.0
    rig.run()
    rig.wait_for_more(10)
    told = [text for text in rig.reports if 'stamped when they are grabbed' in text]
    assert len(told) == 1
    assert rig.thread.health.counts().stamp_source == GRAB


def test_an_accepted_mode_is_told_once(rig: Rig) -> None:
    rig.device.gives[cv2.CAP_PROP_FPS] = 15
    rig.use(CaptureOptions(), exact=False)
    rig.run()
    rig.device.unplug()
    rig.wait_for('no such device')
    rig.device.plug()
    rig.wait_for('the camera is back')
    assert sum('got 64x48 15 fps MJPG; accepted' in text for text in rig.reports) == 1


def test_a_missing_device_is_waited_for_only_when_asked(rig: Rig) -> None:
    rig.device.unplug()
    with pytest.raises(MissingError):
        rig.thread.open_within(0.0, lambda: False)
    with pytest.raises(MissingError):
        rig.thread.open_within(60.0, lambda: True)
    threading.Timer(0.1, rig.device.plug).start()
    rig.thread.open_within(60.0, lambda: False)
    rig.thread.start()
    rig.wait_for_more()


def test_a_slow_reader_gets_the_newest_pictures(rig: Rig) -> None:
    free = threading.Event()
    take = rig.take

    def slow(frame: Frame) -> None:
        free.wait(30.0)
        take(frame)

    rig.take = slow  # type: ignore[method-assign]
    rig.use(CaptureOptions())
    rig.thread.open_within(0.0, lambda: False)
    rig.thread.start()
    wait_until(lambda: rig.thread.health.counts().skipped > 20, what='skipped pictures')
    free.set()
    rig.wait_for_more(6)
    ages_ns = np.diff([frame.stamp_ns for frame in rig.frames[:5]])
    assert ages_ns[0] > 20 * rig.device.period_s * 1e9, 'the pictures in between are skipped'


def test_an_error_of_the_publisher_is_told_and_overcome(rig: Rig) -> None:
    failing = threading.Event()
    take = rig.take

    def publish(frame: Frame) -> None:
        if failing.is_set():
            raise RuntimeError('no more room')
        take(frame)

    rig.take = publish  # type: ignore[method-assign]
    rig.use(CaptureOptions())
    rig.run()
    failing.set()
    rig.wait_for('no more room')
    failing.clear()
    rig.wait_for('the camera is back')


def feed(health: Health, begin_s: float, seconds: float, rate_hz: float) -> list[str]:
    """Count pictures at a rate and return what was said."""
    times = begin_s + np.arange(1, round(seconds * rate_hz) + 1) / rate_hz
    return [text for t in times if (text := health.picture(float(t), DRIVER, 30.0))]


def test_a_rate_below_the_promised_is_told_at_each_change() -> None:
    health = Health()
    assert feed(health, 0.0, 20, 30) == []
    (slow,) = feed(health, 20, 40, 15)
    assert slow.startswith('15.')
    assert '30 are promised' in slow
    assert health.is_slow
    assert health.counts().rate_hz == pytest.approx(15, abs=0.1)
    (again,) = feed(health, 60, 20, 30)
    assert again == '30.0 pictures per second again'
    assert health.counts().frames == 600 + 600 + 600
    assert health.counts().longest_gap_s == pytest.approx(1 / 15)


def test_an_outage_is_no_low_rate() -> None:
    health = Health()
    feed(health, 0.0, 10, 30)
    health.interrupt()
    assert feed(health, 13, 20, 30) == []
    assert health.counts().longest_gap_s == pytest.approx(3, abs=0.1)
