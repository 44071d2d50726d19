"""Executors: they run the callbacks of nodes."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from rclpy._executor import (
    ConditionReachedException,
    Executor,
    ExternalShutdownException,
    ShutdownException,
    TimeoutException,
    TimeoutObject,
    running_thread,
)
from rclpy._waitable import Work
from rclpy.context import Context

__all__ = [
    'ConditionReachedException',
    'Executor',
    'ExternalShutdownException',
    'MultiThreadedExecutor',
    'ShutdownException',
    'SingleThreadedExecutor',
    'TimeoutException',
    'TimeoutObject',
]


class SingleThreadedExecutor(Executor):
    """Runs callbacks in the thread that spins."""

    def _execute(self, work: Work) -> None:
        running_thread.depth = getattr(running_thread, 'depth', 0) + 1
        try:
            super()._execute(work)
        finally:
            running_thread.depth -= 1


class MultiThreadedExecutor(Executor):
    """Runs callbacks in a pool of threads."""

    def __init__(
        self,
        num_threads: int | None = None,
        *,
        context: Context | None = None,
    ) -> None:
        super().__init__(context=context)
        count = num_threads or max(2, len(os.sched_getaffinity(0)))
        self._running_threads = max(2, count)
        self._executor = ThreadPoolExecutor(count, thread_name_prefix='executor')
        self._error: BaseException | None = None

    def _execute(self, work: Work) -> None:
        with self._condition:
            self._running += 1
        self._executor.submit(self._work, work)
        self._raise_error()

    def _work(self, work: Work) -> None:
        running_thread.depth = 1
        try:
            work()
        except BaseException as error:  # noqa: B902
            self._error = self._error or error
        finally:
            running_thread.depth = 0
            with self._condition:
                self._running -= 1
                self._woken = True
                self._condition.notify_all()

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _spin_once(self, timeout_sec: float | None, stop: Callable[[], bool]) -> None:
        super()._spin_once(timeout_sec, lambda: stop() or self._error is not None)
        self._raise_error()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop spinning and end the threads; return whether all callbacks ended in time."""
        done = super().shutdown(timeout_sec)
        self._executor.shutdown(wait=done and not getattr(running_thread, 'depth', 0))
        return done
