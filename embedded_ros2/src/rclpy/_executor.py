"""The base of executors: choice and running of callbacks.

Arriving data put an entity into the executor's ready queue (from the participant's waiter
thread); the executor sleeps on a condition until the queue fills or a timer is due.
"""

from __future__ import annotations

import functools
import inspect
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy._waitable import Waitable, Work
from rclpy.context import Context
from rclpy.signals import SignalHandlerOptions, get_current_signal_handlers_options
from rclpy.task import Future, Task
from rclpy.utilities import get_default_context

if TYPE_CHECKING:
    from rclpy.node import Node


# A signal handler may run after the last check and before the wait; this bounds its delay.
LONGEST_WAIT_S = 1.0


class TimeoutException(Exception):
    """Nothing became ready in time."""


class ShutdownException(Exception):
    """The executor was shut down."""


class ExternalShutdownException(Exception):
    """The context was shut down by someone else, such as a signal handler."""

    def __init__(self, *args: object) -> None:
        super().__init__('The context was shutdown externally', *args)


class ConditionReachedException(Exception):
    """The condition a spin waited for has come true."""


class TimeoutObject:
    """A time limit."""

    def __init__(self, timeout: float = 0) -> None:
        self.timeout = timeout


class Executor:
    """Base of the executors."""

    def __init__(self, *, context: Context | None = None) -> None:
        self._context = context or get_default_context()
        self._condition = threading.Condition(threading.RLock())
        self._nodes: list[Node] = []
        self._ready: deque[Waitable] = deque()
        self._tasks: deque[tuple[Task[Any], Waitable | None]] = deque()
        self._woken = False
        self._running = 0
        self._is_shutdown = False
        self._context.on_shutdown(self.wake)

    @property
    def context(self) -> Context:
        """The context of the executor."""
        return self._context

    # Nodes

    def add_node(self, node: Node) -> bool:
        """Run the callbacks of a node from now on; return False if it was added before."""
        with self._condition:
            if node in self._nodes:
                return False
            self._nodes.append(node)
            node.executor = self
        for waitable in node.waitables():
            self.enqueue(waitable)
        self.wake()
        return True

    def remove_node(self, node: Node) -> None:
        """Stop running the callbacks of a node."""
        with self._condition:
            if node not in self._nodes:
                return
            self._nodes.remove(node)
            for waitable in [w for w in self._ready if w.node is node]:
                self._ready.remove(waitable)
                waitable.queued = False
        if node.executor is self:
            node.executor = None
        self.wake()

    def get_nodes(self) -> list[Node]:
        """Return the nodes of this executor."""
        with self._condition:
            return list(self._nodes)

    # Wake-ups, from any thread

    def enqueue(self, waitable: Waitable) -> None:
        """Note that an entity may have work."""
        with self._condition:
            if not waitable.queued:
                waitable.queued = True
                self._ready.append(waitable)
            self._condition.notify()

    def wake(self) -> None:
        """Let a waiting spin look again."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def create_task(
        self,
        callback: Any,
        *args: Any,
        **kwargs: Any,
    ) -> Task[Any]:
        """Run a function or coroutine in the executor and return its task."""
        task: Task[Any] = Task(callback, args, kwargs, executor=self)
        self._push_task(task, None)
        return task

    def _push_task(self, task: Task[Any], entity: Waitable | None) -> None:
        with self._condition:
            self._tasks.append((task, entity))
            self._condition.notify()

    # Choice of work

    def _next_work(self, deadline: float | None, stop: Callable[[], bool]) -> Work | None:
        """Return the next thing to run; None when stop() holds.

        Raises:
            TimeoutException: The deadline (steady clock, s) has passed.
            ShutdownException: The executor was shut down.
            ExternalShutdownException: The context was shut down.
        """
        with self._condition:
            while True:
                if stop():
                    return None
                if self._is_shutdown:
                    raise ShutdownException()
                if not self._context.ok():
                    raise ExternalShutdownException()
                work = self._poll()
                if work is not None:
                    return work
                wait = self._timer_wait()
                if wait == 0:
                    continue
                if deadline is not None:
                    remaining = deadline - time.monotonic()
                    if remaining <= 0:
                        raise TimeoutException()
                    wait = remaining if wait is None else min(wait, remaining)
                if not self._woken:
                    self._condition.wait(min(wait, LONGEST_WAIT_S) if wait else LONGEST_WAIT_S)
                self._woken = False

    def _timer_wait(self) -> float | None:
        waits = [
            ns
            for node in self._nodes
            for timer in node.timers
            if timer.callback_group.can_execute(timer) and (ns := timer.wait_ns()) is not None
        ]
        return min(waits) / 1e9 if waits else None

    def _poll(self) -> Work | None:
        for node in self._nodes:
            for timer in node.timers:
                if timer.is_ready():
                    work = self._claim(timer)
                    if work is not None:
                        return work
        for _ in range(len(self._tasks)):
            task, entity = self._tasks.popleft()
            if task.waits_for is None or not task.waits_for._pending:
                return functools.partial(self._run_task, task, entity)
            self._tasks.append((task, entity))
        for _ in range(len(self._ready)):
            waitable = self._ready.popleft()
            waitable.queued = False
            group = waitable.callback_group
            if group is not None and not group.can_execute(waitable):
                waitable.queued = True
                self._ready.append(waitable)
                continue
            work = self._claim(waitable)
            if work is not None:
                if not waitable.queued:
                    waitable.queued = True
                    self._ready.append(waitable)
                return work
        return None

    def _claim(self, waitable: Waitable) -> Work | None:
        """Claim the callback group and return the work of an entity."""
        group = waitable.callback_group
        if group is not None and not group.beginning_execution(waitable):
            return None
        work = None
        try:
            work = waitable.take_work()
        finally:
            if work is None and group is not None:
                group.ending_execution(waitable)
        if work is None:
            return None
        return lambda: self._run(work, waitable)

    # Running

    def _run(self, work: Work, waitable: Waitable) -> None:
        pending = False
        try:
            result = work()
            if inspect.iscoroutine(result):
                pending = True
                self._push_task(Task(_identity(result), executor=self), waitable)
        finally:
            if not pending:
                self._finish(waitable)

    def _run_task(self, task: Task[Any], entity: Waitable | None) -> None:
        task()
        if task._pending:
            with self._condition:
                self._tasks.append((task, entity))
            if task.waits_for is not None:
                self._wake_after(task.waits_for)
            else:
                self.wake()
            return
        if entity is not None:
            self._finish(entity)
            task.result()

    def _wake_after(self, future: Future[Any]) -> None:
        reference = weakref.ref(self)

        def wake(_: Any) -> None:
            executor = reference()
            if executor is not None:
                executor.wake()

        with future._lock:
            if future._pending:
                future._callbacks.append(wake)
                return
        self.wake()

    def _finish(self, waitable: Waitable) -> None:
        if waitable.callback_group is not None:
            waitable.callback_group.ending_execution(waitable)
        if self._running_threads > 1:
            self.wake()

    _running_threads = 1

    def _execute(self, work: Work) -> None:
        with self._condition:
            self._running += 1
        try:
            work()
        finally:
            with self._condition:
                self._running -= 1
                self._condition.notify_all()

    # Spinning

    def _spin_once(self, timeout_sec: float | None, stop: Callable[[], bool]) -> None:
        deadline = None
        if timeout_sec is not None and timeout_sec >= 0:
            deadline = time.monotonic() + timeout_sec
        work, interrupted = None, False
        while True:
            try:
                work = self._next_work(deadline, stop)
            except (TimeoutException, ShutdownException):
                pass
            except KeyboardInterrupt:
                # Genuine rclpy waits outside of Python: without handlers of its own nothing ends
                # the wait, and Ctrl-C counts only after it.
                if get_current_signal_handlers_options() & SignalHandlerOptions.SIGINT:
                    raise
                interrupted = True
                continue
            break
        if work is not None:
            self._execute(work)
        if interrupted:
            raise KeyboardInterrupt

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait for one callback and run it; a negative or no timeout waits without limit."""
        self._spin_once(timeout_sec, lambda: False)

    def spin(self) -> None:
        """Run callbacks until the end; raise when the context ends while nothing runs."""
        while self._context.ok() and not self._is_shutdown:
            self._spin_once(None, lambda: self._is_shutdown)

    def spin_until_future_complete(
        self,
        future: Future[Any],
        timeout_sec: float | None = None,
    ) -> None:
        """Run callbacks until a future is finished or time is up."""
        self._wake_after(future)
        self.spin_once_until_future_complete(future, timeout_sec, once=False)

    def spin_once_until_future_complete(
        self,
        future: Future[Any],
        timeout_sec: float | TimeoutObject | None = None,
        *,
        once: bool = True,
    ) -> None:
        """Run one callback unless the future is finished first."""
        seconds = timeout_sec.timeout if isinstance(timeout_sec, TimeoutObject) else timeout_sec
        end = None if seconds is None or seconds < 0 else time.monotonic() + seconds
        if once:
            self._wake_after(future)
        while self._context.ok() and future._pending and not self._is_shutdown:
            remaining = None if end is None else end - time.monotonic()
            if remaining is not None and remaining <= 0 and not once:
                return
            self._spin_once(
                None if remaining is None else max(0.0, remaining), lambda: not future._pending
            )
            if once:
                return

    # End

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop spinning; return whether all running callbacks ended in time."""
        with self._condition:
            self._is_shutdown = True
            self._woken = True
            self._condition.notify_all()
            in_callback = 1 if getattr(running_thread, 'depth', 0) else 0
            done = self._condition.wait_for(lambda: self._running <= in_callback, timeout_sec)
            if not done:
                return False
            for node in self._nodes:
                if node.executor is self:
                    node.executor = None
            self._nodes.clear()
            self._ready.clear()
        return True

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *args: Any) -> None:
        self.shutdown()


running_thread = threading.local()


async def _identity(coroutine: Any) -> Any:
    return await coroutine
