"""The control thread's niceness, granted or refused."""

from __future__ import annotations

import errno
import os
import sys
import threading

import pytest

from so101_driver.common.priority import favour_thread

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='Linux threads have niceness')


def own_niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def test_what_it_says_is_so_and_others_stay_as_they_are() -> None:
    found: list[tuple[str, int]] = []
    before = own_niceness()
    thread = threading.Thread(target=lambda: found.append((favour_thread(-7), own_niceness())))
    thread.start()
    thread.join()
    ((said, niceness),) = found
    if niceness == -7:
        assert said == 'niceness -7'
    else:
        assert niceness == before
        assert said.startswith('normal (niceness -7 refused: ')
    assert own_niceness() == before


def test_refused_it_goes_on_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, 'setpriority', refuse)
    assert favour_thread(-15) == 'normal (niceness -15 refused: Permission denied)'


def test_zero_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, 'setpriority')
    assert favour_thread(0) == 'normal'
