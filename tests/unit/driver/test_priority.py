"""The control thread's real-time priority, granted or refused."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

from so101_driver.priority import make_realtime

T = TypeVar('T')

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='Linux has these policies')


def in_thread(action: Callable[[], T]) -> T:
    """Return what an action returns in a thread of its own."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(action()))
    thread.start()
    thread.join()
    return found[0]


def test_what_it_says_is_so_and_stays_with_the_thread() -> None:
    def look() -> tuple[str, int, int]:
        said = make_realtime(7)
        return said, os.sched_getscheduler(0), in_thread(lambda: os.sched_getscheduler(0))

    said, own, started = in_thread(look)
    granted = own & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO
    refused = f'normal (real-time refused: {os.strerror(errno.EPERM)})'
    assert said == ('real-time 7' if granted else refused)
    assert started == os.sched_getscheduler(0) == os.SCHED_OTHER


def test_refused_it_goes_on_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, 'sched_setscheduler', refuse)
    assert make_realtime(40) == 'normal (real-time refused: Operation not permitted)'


def test_zero_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, 'sched_setscheduler')
    assert make_realtime(0) == 'normal'
