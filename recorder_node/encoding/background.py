"""Encoding takes only what is left over: neither control nor sampling ever waits for it.

Threads have priorities of their own on Linux; elsewhere, and where the system refuses, nothing is
changed: a frame matters more than a priority. An encoder's own
threads get idle time only. The Python threads that feed them may hold the interpreter's lock,
which others wait for, so they are only made nice.

SVT-AV1 (seen in 4.1) makes its threads, and the one that opens it, real-time with the
highest priority wherever it may: as root, so in most containers. Everything else on the machine
stands still then, and processes started later inherit it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar('T')

_NICENESS = 10
_LEAST = 19
_one_at_a_time = threading.Lock()


def be_nice() -> None:
    """Lower the priority of this thread and of those that it starts."""
    if sys.platform == 'linux':
        thread = threading.get_native_id()
        niceness = os.getpriority(os.PRIO_PROCESS, thread)
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, max(niceness, _NICENESS))


def with_idle_threads(action: Callable[[], T]) -> T:
    """Return what an action returns; the threads that it starts get idle time only.

    The action runs in a thread of its own, whose priority does not matter afterwards.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            with _one_at_a_time, _demoting() if sys.platform == 'linux' else nullcontext():
                done.set_result(action())
        except BaseException as error:  # handed on to the caller
            done.set_exception(error)

    thread = threading.Thread(target=run, name='open encoder', daemon=True)
    thread.start()
    thread.join()
    return done.result()


@contextmanager
def _demoting() -> Iterator[None]:
    """Demote what this thread starts meanwhile.

    New threads inherit the niceness, whatever else they do; one that no other thread has tells
    whose they are.
    """
    assert sys.platform == 'linux'
    own = threading.get_native_id()
    lowest = os.getpriority(os.PRIO_PROCESS, own) + 1
    used = {nice for _, nice in _niceness()}
    mark = next((nice for nice in range(lowest, _LEAST) if nice not in used), None)
    if mark is not None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, own, mark)
    try:
        yield
    finally:
        for thread in [thread for thread, nice in _niceness() if nice == mark and thread != own]:
            with suppress(OSError):  # it has ended since
                os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
                os.setpriority(os.PRIO_PROCESS, thread, _LEAST)


def _niceness() -> Iterator[tuple[int, int]]:
    """Yield the threads of this process with their niceness."""
    for thread in _threads():
        with suppress(ProcessLookupError):
            yield thread, os.getpriority(os.PRIO_PROCESS, thread)


def _threads() -> list[int]:
    """Return the threads of this process.

    The kernel's list breaks off where a thread ends while it is read; it is read again then.
    """
    while True:
        threads = [int(entry.name) for entry in Path('/proc/self/task').iterdir()]
        status = Path('/proc/self/status').read_text()
        if len(threads) >= int(status.partition('\nThreads:')[2].split()[0]):
            return threads
