"""Threads that may only have what is left over, on Linux, where threads have priorities."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import pytest

from recorder_node.encoding.background import be_nice, with_idle_threads
from recorder_node.encoding.codec_choice import encoding_s, noisy_frames
from recorder_node.encoding.codecs import CODECS, CPU_H264, DEPTH_CODEC, Codec, open_codec

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='threads share one priority')

SIZE = (96, 128)


def policies() -> Counter[int]:
    """Count this process's threads by scheduling policy."""
    return Counter(os.sched_getscheduler(int(t.name)) for t in Path('/proc/self/task').iterdir())


class Waiting:
    """A thread that waits, as started by a library."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self.thread = threading.Thread(target=self._end.wait)
        self.thread.start()

    @property
    def policy(self) -> int:
        assert self.thread.native_id is not None
        return os.sched_getscheduler(self.thread.native_id)

    def end(self) -> None:
        self._end.set()
        self.thread.join()


def test_only_threads_that_the_action_starts_get_idle_time_only() -> None:
    inside: list[Waiting] = []
    begun, go_on = threading.Event(), threading.Event()

    def action() -> str:
        begun.set()
        assert go_on.wait(10.0)
        inside.append(Waiting())
        return 'opened'

    results: list[str] = []
    opening = threading.Thread(target=lambda: results.append(with_idle_threads(action)))
    opening.start()
    assert begun.wait(10.0)
    outside = Waiting()
    go_on.set()
    opening.join()
    try:
        assert results == ['opened']
        assert inside[0].policy == os.SCHED_IDLE
        assert outside.policy == os.SCHED_OTHER
        assert os.sched_getscheduler(0) == os.SCHED_OTHER
    finally:
        inside[0].end()
        outside.end()


def test_a_thread_that_ends_cuts_the_list_of_threads_short(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = Path.iterdir, count()

    def cut(folder: Path) -> Iterator[Path]:
        entries = list(whole(folder))
        return iter(entries[:1] if next(calls) % 3 < 2 else entries)

    monkeypatch.setattr(Path, 'iterdir', cut)
    waiting = with_idle_threads(Waiting)
    try:
        assert waiting.policy == os.SCHED_IDLE
    finally:
        waiting.end()


def test_priorities_that_are_refused_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, 'setpriority', refuse)
    monkeypatch.setattr(os, 'sched_setscheduler', refuse)
    be_nice()
    assert with_idle_threads(lambda: 'opened') == 'opened'


def test_failure_reaches_the_caller() -> None:
    with pytest.raises(FileNotFoundError):
        with_idle_threads(Path('/nowhere').stat)


@pytest.mark.parametrize('codec', [*CPU_H264[:1], CODECS['hevc'], CODECS['libsvtav1'], DEPTH_CODEC])
def test_no_encoder_makes_a_thread_real_time(codec: Codec) -> None:
    """SVT-AV1 does so with its own and its caller's, where it is allowed to: as root."""
    before = policies()
    context = av.CodecContext.create(codec.encoder, 'w')
    context.height, context.width = SIZE
    context.pix_fmt = codec.pix_fmt
    context.time_base, context.framerate = Fraction(1, 30), 30
    context.options = codec.options
    open_codec(codec, context)
    for number, pixels in enumerate(noisy_frames(SIZE, 3)):
        frame = av.VideoFrame.from_ndarray(pixels, format='rgb24').reformat(format=codec.pix_fmt)
        frame.pts = number
        context.encode(frame)
    during = policies()
    assert set(during) <= {os.SCHED_OTHER, os.SCHED_IDLE}
    if codec.encoder != 'libx264':
        assert during[os.SCHED_IDLE] > before[os.SCHED_IDLE]
    context.encode(None)


def test_choosing_an_encoder_leaves_the_process_as_it_is() -> None:
    encoding_s(CODECS['libsvtav1'], SIZE, 30)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
