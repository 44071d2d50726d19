"""The action that runs a process."""

from __future__ import annotations

import asyncio
import itertools
import os
import shlex
import signal
import subprocess
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.actions.process_output import OutputRouter, open_output
from launch.event import Event
from launch.event_handler import EventHandler
from launch.events import Shutdown
from launch.events.process import ProcessExited, ProcessStarted, ShutdownProcess, SignalProcess
from launch.logging import get_logger
from launch.substitutions import LaunchConfiguration
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

_counter = itertools.count(1)
_LAST_OUTPUT_S = 1.0


class ExecuteProcess(Action):
    """Runs a command and ends it when launch ends: SIGINT, then SIGTERM, then SIGKILL.

    The process stays in launch's process group, so Ctrl-C in a terminal reaches it directly.
    Its standard input is a pipe that nothing is written to and that closes when launch is gone.
    """

    def __init__(
        self,
        *,
        cmd: Iterable[Any],
        prefix: Any = None,
        name: Any = None,
        cwd: Any = None,
        env: dict[Any, Any] | None = None,
        additional_env: dict[Any, Any] | None = None,
        shell: bool = False,
        sigterm_timeout: Any = None,
        sigkill_timeout: Any = None,
        emulate_tty: bool = False,
        output: Any = 'log',
        log_cmd: bool = False,
        on_exit: Any = None,
        respawn: Any = False,
        respawn_delay: float | None = None,
        respawn_max_retries: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cmd = [normalize_to_list_of_substitutions(part) for part in cmd]
        self._prefix, self._name, self._cwd, self._env = prefix, name, cwd, env
        self._additional_env = additional_env or {}
        self._shell = shell
        self._timeouts = (
            sigterm_timeout or LaunchConfiguration('sigterm_timeout', default=5),
            sigkill_timeout or LaunchConfiguration('sigkill_timeout', default=5),
        )
        self._emulate_tty, self._output = emulate_tty, output
        self._log_cmd = log_cmd
        self._on_exit = on_exit
        self._respawn, self._respawn_delay = respawn, respawn_delay
        self._respawn_retries = respawn_max_retries
        self._done: asyncio.Future[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._handlers: list[EventHandler] = []
        self._timers: list[asyncio.TimerHandle] = []
        self._shutting_down = False
        self._stopped = asyncio.Event()
        self.process_details: dict[str, Any] | None = None
        self.return_code: int | None = None

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Return what is done when the process has ended for good."""
        return self._done

    def final_command(self, context: LaunchContext) -> list[str]:
        """Return the words of the command."""
        words = [perform_substitutions(context, part) for part in self.cmd]
        prefix = self._prefix or LaunchConfiguration('launch-prefix', default='')
        return shlex.split(perform_substitutions(context, prefix)) + words

    def execute(self, context: LaunchContext) -> None:
        """Start the process."""
        if context.is_shutdown:
            return
        words = self.final_command(context)
        label = os.path.basename(perform_substitutions(context, self._name or self.cmd[0]))
        name = f'{label}-{next(_counter)}'
        env = dict(os.environ) if self._env is None else self._performed(context, self._env)
        env.update(self._performed(context, self._additional_env))
        cwd = perform_substitutions(context, self._cwd) if self._cwd is not None else None
        self._limits_s = [float(perform_substitutions(context, t)) for t in self._timeouts]
        self._may_respawn = (
            self._respawn
            if isinstance(self._respawn, bool)
            else perform_substitutions(context, self._respawn).strip().lower() in ('true', '1')
        )
        output = self._output
        if not isinstance(output, dict):
            output = perform_substitutions(context, output)
        self._logger = get_logger(name)
        self.process_details = {
            'action': self,
            'name': name,
            'cmd': words,
            'cwd': cwd,
            'env': env,
            'pid': 0,
        }
        self._router = OutputRouter(name, output, self.process_details, context)
        self._register(context)
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        self._task = loop.create_task(self._run(context))

    def _performed(self, context: LaunchContext, values: dict[Any, Any]) -> dict[str, str]:
        return {
            perform_substitutions(context, key): perform_substitutions(context, value)
            for key, value in values.items()
        }

    # Event handlers

    def _register(self, context: LaunchContext) -> None:
        def for_me(kind: type[Any]) -> Any:
            return lambda event: isinstance(event, kind) and event.process_matcher(self)

        self._handlers = [
            EventHandler(matcher=lambda e: isinstance(e, Shutdown), entities=self._on_shutdown),
            EventHandler(matcher=for_me(ShutdownProcess), entities=self._on_shutdown_process),
            EventHandler(matcher=for_me(SignalProcess), entities=self._on_signal),
        ]
        for handler in self._handlers:
            context.register_event_handler(handler)
        if self._on_exit is not None:
            context.register_event_handler(
                EventHandler(
                    matcher=lambda e: isinstance(e, ProcessExited) and e.action is self,
                    entities=self._on_exit,
                )
            )

    def _on_shutdown(self, event: Event, context: LaunchContext) -> None:
        self._shutting_down = True
        self._stopped.set()
        reached = event.due_to_sigint and not context.noninteractive  # type: ignore[attr-defined]
        self._end(send_sigint=not reached)

    def _on_shutdown_process(self, event: Event, context: LaunchContext) -> None:
        self._shutting_down = True
        self._stopped.set()
        self._end(send_sigint=True)

    def _on_signal(self, event: Any, context: LaunchContext) -> None:
        self._send(event.signal)

    # Ending

    def _end(self, *, send_sigint: bool) -> None:
        """Ask the process to end; ask harder when the times are up."""
        if self._process is None or self._process.returncode is not None or self._timers:
            return
        loop = asyncio.get_running_loop()
        term_s, kill_s = self._limits_s
        self._timers = [
            loop.call_later(term_s, self._escalate, signal.SIGINT, signal.SIGTERM, term_s),
            loop.call_later(
                term_s + kill_s, self._escalate, signal.SIGTERM, signal.SIGKILL, kill_s
            ),
        ]
        if send_sigint:
            self._send(signal.SIGINT)

    def _escalate(self, sent: signal.Signals, now: signal.Signals, after_s: float) -> None:
        name = self.process_details['name'] if self.process_details else ''
        self._logger.error(
            f"process[{name}] failed to terminate '{after_s}' seconds after receiving "
            f"'{sent.name}', escalating to '{now.name}'"
        )
        self._send(now)

    def _send(self, number: signal.Signals) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        name = self.process_details['name'] if self.process_details else ''
        self._logger.info(f"sending signal '{number.name}' to process[{name}]")
        try:
            self._process.send_signal(number)
        except ProcessLookupError:
            pass  # It has just ended by itself.

    # Running

    async def _run(self, context: LaunchContext) -> None:
        assert self._done is not None
        try:
            while await self._run_once(context):
                pass
        except Exception as error:
            self._done.set_exception(error)
        else:
            self._done.set_result(None)
        for handler in self._handlers:
            context.unregister_event_handler(handler)

    async def _run_once(self, context: LaunchContext) -> bool:
        """Run the process to its end; return whether it is to be started again."""
        assert self.process_details is not None
        words = self.process_details['cmd']
        command = ' '.join(words)
        if self._log_cmd:
            cwd = self.process_details['cwd']
            self._logger.info(f"process details: cmd='{command}', cwd='{cwd}'")
        output = open_output(self._emulate_tty)
        try:
            self._process = await self._spawn(words, output.stdout, output.stderr)
        except OSError as error:
            output.close()
            self._logger.error(f'exception occurred while executing process:\n{error}')
            return False
        self.process_details['pid'] = pid = self._process.pid
        self._logger.info(f'process started with pid [{pid}]')
        context.emit_event_sync(ProcessStarted(**self.process_details))
        reading = asyncio.create_task(output.pump(self._router))
        self.return_code = code = await self._process.wait()
        # A daemon that the process left behind can hold its output open for ever.
        await asyncio.wait({reading}, timeout=_LAST_OUTPUT_S)
        reading.cancel()
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        if code == 0:
            self._logger.info(f'process has finished cleanly [pid {pid}]')
        else:
            self._logger.error(f"process has died [pid {pid}, exit code {code}, cmd '{command}'].")
        context.emit_event_sync(ProcessExited(returncode=code, **self.process_details))
        return await self._wants_respawn(context)

    async def _spawn(self, words: list[str], stdout: int, stderr: int) -> Any:
        assert self.process_details is not None
        options: dict[str, Any] = {
            'cwd': self.process_details['cwd'],
            'env': self.process_details['env'],
            'stdin': subprocess.PIPE,
            'stdout': stdout,
            'stderr': stderr,
        }
        if self._shell:
            return await asyncio.create_subprocess_shell(' '.join(words), **options)
        return await asyncio.create_subprocess_exec(*words, **options)

    async def _wants_respawn(self, context: LaunchContext) -> bool:
        if (
            not self._may_respawn
            or self._shutting_down
            or context.is_shutdown
            or self._respawn_retries == 0
        ):
            return False
        self._respawn_retries -= 1
        if self._respawn_delay:
            try:
                await asyncio.wait_for(self._stopped.wait(), self._respawn_delay)
            except asyncio.TimeoutError:
                pass
        return not self._shutting_down


ExecuteLocal = ExecuteProcess
