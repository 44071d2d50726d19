"""The launch service: visits entities and processes events until nothing is left to do."""

from __future__ import annotations

import asyncio
import logging as python_logging
import signal
import threading
import traceback
from collections.abc import Iterable
from typing import Any

from launch.event import Event
from launch.events import Shutdown
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.logging import get_logger, launch_config


class LaunchService:
    """Runs launch descriptions.

    An exception in an entity or handler ends launch with return code 1; the processes that run
    are ended in order first. So does SIGTERM, after which genuine launch leaves them behind.
    """

    def __init__(
        self,
        *,
        argv: Iterable[str] | None = None,
        noninteractive: bool = False,
        debug: bool = False,
    ) -> None:
        self._level = python_logging.DEBUG if debug else python_logging.INFO
        self.context = LaunchContext(argv=argv, noninteractive=noninteractive)
        self._logger = get_logger('launch')
        self._waiting: list[Any] = []
        self._futures: set[asyncio.Future[Any]] = set()
        self._shutting_down = False
        self._interrupted = False
        self._return_code = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def event_handlers(self) -> Any:
        """The registered event handlers."""
        return self.context.event_handlers

    def include_launch_description(self, launch_description: LaunchDescription) -> None:
        """Visit a description, at once when running."""
        if self._loop is None:
            self._waiting.append(launch_description)
        else:
            self._loop.call_soon_threadsafe(self._visit_safely, launch_description)

    def emit_event(self, event: Event) -> None:
        """Put an event into the queue."""
        if self._loop is None:
            self.context.emit_event_sync(event)
        else:
            self._loop.call_soon_threadsafe(self.context.emit_event_sync, event)

    def shutdown(self, *, force_sync: bool = False) -> None:
        """End launch."""
        self.emit_event(Shutdown(reason='LaunchService.shutdown() called'))

    def run(self, *, shutdown_when_idle: bool = True) -> int:
        """Run to the end and return 0, or 1 after an exception or SIGTERM."""
        return asyncio.run(self.run_async(shutdown_when_idle=shutdown_when_idle))

    async def run_async(self, *, shutdown_when_idle: bool = True) -> int:
        """Run to the end and return 0, or 1 after an exception or SIGTERM."""
        launch_config.start(self._level)
        if launch_config.log_dir:
            self._logger.info(f'All log files can be found below {launch_config.log_dir}')
        self._logger.info(
            f'Default logging verbosity is set to {python_logging.getLevelName(self._level)}'
        )
        self._loop = self.context.asyncio_loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._on_loop_exception)
        self._handle_signals()
        for description in self._waiting:
            self._visit_safely(description)
        while True:
            self._forget_done()
            if self._futures or not self.context.event_queue.empty():
                await self._process_one_event()
            elif self._shutting_down:
                return self._return_code
            elif shutdown_when_idle:
                self._begin_shutdown('idle')
            else:
                await asyncio.sleep(0.1)

    def _handle_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            assert self._loop is not None
            self._loop.add_signal_handler(signal.SIGINT, self._on_sigint)
            self._loop.add_signal_handler(signal.SIGTERM, self._on_sigterm, signal.SIGTERM)
            self._loop.add_signal_handler(signal.SIGQUIT, self._on_sigterm, signal.SIGQUIT)

    def _on_sigint(self) -> None:
        message = 'user interrupted with ctrl-c (SIGINT)'
        if self._interrupted:
            self._logger.warning(f'{message} again, ignoring...')
            return
        self._interrupted = True
        self._logger.warning(message)
        self._begin_shutdown('ctrl-c (SIGINT)', due_to_sigint=True)

    def _on_sigterm(self, number: signal.Signals) -> None:
        self._logger.error(f"user interrupted with '{number.name}', ending all processes")
        self._return_code = 1
        self._begin_shutdown(number.name)

    def _on_loop_exception(self, loop: Any, details: dict[str, Any]) -> None:
        self._return_code = 1
        loop.default_exception_handler(details)

    def _begin_shutdown(self, reason: str, due_to_sigint: bool = False) -> None:
        self._shutting_down = True
        self.context.emit_event_sync(Shutdown(reason=reason, due_to_sigint=due_to_sigint))

    # Entities and events

    def _visit_safely(self, entity: Any) -> None:
        try:
            self._visit(entity)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        message = f'Caught exception in launch (see debug for traceback): {error}'
        self._logger.debug(''.join(traceback.format_exception(error)))
        self._logger.error(message)
        self._return_code = 1
        self._begin_shutdown(message)

    def _visit(self, entity: Any) -> None:
        entities = entity.visit(self.context)
        future = entity.get_asyncio_future()
        if future is not None:
            self._futures.add(future)
        for nested in entities or ():
            self._visit(nested)

    def _forget_done(self) -> None:
        for future in [future for future in self._futures if future.done()]:
            self._futures.discard(future)
            if not future.cancelled() and future.exception() is not None:
                self._fail(future.exception())  # type: ignore[arg-type]

    async def _process_one_event(self) -> None:
        """Wait until there is an event, or until something that runs has ended."""
        getter = asyncio.ensure_future(self.context.event_queue.get())
        await asyncio.wait({getter, *self._futures}, return_when=asyncio.FIRST_COMPLETED)
        if not getter.done():
            getter.cancel()
            return
        event = getter.result()
        if isinstance(event, Shutdown):
            self._shutting_down = True
            self.context.is_shutdown = True
        try:
            for handler in [h for h in self.context.event_handlers if h.matches(event)]:
                if handler not in self.context.event_handlers:
                    continue
                self.context.push_locals()
                try:
                    for entity in handler.handle(event, self.context):
                        self._visit(entity)
                finally:
                    self.context.pop_locals()
        except Exception as error:
            self._fail(error)
