"""Futures and tasks."""

from __future__ import annotations

import inspect
import threading
import warnings
import weakref
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar('T')


class Future(Generic[T]):
    """The outcome of a task or of a service call."""

    def __init__(self, *, executor: Any = None) -> None:
        self._done = False
        self._cancelled = False
        self._result: T | None = None
        self._exception: BaseException | None = None
        self._exception_fetched = False
        self._callbacks: list[Callable[[Future[T]], Any]] = []
        self._lock = threading.Lock()
        self._executor: Callable[[], Any] = lambda: None
        self._set_executor(executor)

    def __del__(self) -> None:
        if self._exception is not None and not self._exception_fetched:
            warnings.warn(
                f'The following exception was never retrieved: {self._exception!r}', stacklevel=2
            )

    def __await__(self) -> Generator[Any, None, T | None]:
        while not (self._done or self._cancelled):
            yield self
        return self.result()

    def _set_executor(self, executor: Any) -> None:
        self._executor = (lambda: None) if executor is None else weakref.ref(executor)

    @property
    def _pending(self) -> bool:
        return not (self._done or self._cancelled)

    def cancel(self) -> None:
        """Cancel if still pending."""
        with self._lock:
            if not self._pending:
                return
            self._cancelled = True
        self._finish()

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self._cancelled

    def done(self) -> bool:
        """Return whether it has a result or an exception."""
        return self._done

    def result(self) -> T | None:
        """Return the result (None while there is none) or raise the exception."""
        if self._exception is not None:
            self._exception_fetched = True
            raise self._exception
        return self._result

    def exception(self) -> BaseException | None:
        """Return the exception, if any."""
        self._exception_fetched = True
        return self._exception

    def set_result(self, result: T) -> None:
        """Finish with a result."""
        with self._lock:
            self._result = result
            self._done = True
            self._cancelled = False
        self._finish()

    def set_exception(self, exception: BaseException) -> None:
        """Finish with an exception."""
        with self._lock:
            self._exception = exception
            self._exception_fetched = False
            self._done = True
            self._cancelled = False
        self._finish()

    def _finish(self) -> None:
        with self._lock:
            callbacks, self._callbacks = self._callbacks, []
        executor = self._executor()
        for callback in callbacks:
            if executor is not None:
                executor.create_task(callback, self)
            else:
                callback(self)
        if executor is not None:
            executor.wake()

    def add_done_callback(self, callback: Callable[[Future[T]], Any]) -> None:
        """Call back with this future when it is finished, at once if it already is."""
        with self._lock:
            if self._pending:
                self._callbacks.append(callback)
                return
        executor = self._executor()
        if executor is not None:
            executor.create_task(callback, self)
        else:
            callback(self)

    def remove_done_callback(self, callback: Callable[[Future[T]], Any]) -> bool:
        """Undo add_done_callback; return whether it was there."""
        with self._lock:
            found = callback in self._callbacks
            self._callbacks = [other for other in self._callbacks if other != callback]
            return found


class Task(Future[T]):
    """A function or coroutine that an executor runs step by step."""

    def __init__(
        self,
        handler: Any,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        executor: Any = None,
    ) -> None:
        super().__init__(executor=executor)
        self._handler: Any = handler
        self._args = args or ()
        self._kwargs = kwargs or {}
        if inspect.iscoroutinefunction(handler):
            self._handler = handler(*self._args, **self._kwargs)
        self._executing = threading.Lock()
        self.waits_for: Future[Any] | None = None

    def __call__(self) -> None:
        """Run until the task is done or waits for a future."""
        if not self._pending or not self._executing.acquire(blocking=False):
            return
        try:
            self.waits_for = None
            if inspect.iscoroutine(self._handler):
                self._step(self._handler)
            else:
                self.set_result(self._handler(*self._args, **self._kwargs))
        except Exception as error:
            self.set_exception(error)
        finally:
            self._executing.release()

    def _step(self, coroutine: Any) -> None:
        try:
            awaited = coroutine.send(None)
        except StopIteration as stop:
            self.set_result(stop.value)
        else:
            self.waits_for = awaited if isinstance(awaited, Future) else None

    def executing(self) -> bool:
        """Return whether the task is being run."""
        return self._executing.locked()

    def cancel(self) -> None:
        """Cancel and close the coroutine."""
        super().cancel()
        if inspect.iscoroutine(self._handler) and not self.executing():
            self._handler.close()
