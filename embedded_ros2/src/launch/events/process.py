"""Events of processes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from launch.event import Event


class RunningProcessEvent(Event):
    """Something about a process that was started."""

    name = 'launch.events.process.RunningProcessEvent'

    def __init__(
        self,
        *,
        action: Any,
        name: str,
        cmd: list[str],
        cwd: str | None,
        env: dict[str, str] | None,
        pid: int,
    ) -> None:
        self.action = action
        self.process_name = name
        self.cmd = cmd
        self.cwd = cwd
        self.env = env
        self.pid = pid


class ProcessStarted(RunningProcessEvent):
    """A process runs."""

    name = 'launch.events.process.ProcessStarted'


class ProcessExited(RunningProcessEvent):
    """A process has ended."""

    name = 'launch.events.process.ProcessExited'

    def __init__(self, *, returncode: int, **details: Any) -> None:
        super().__init__(**details)
        self.returncode = returncode


class ProcessIO(RunningProcessEvent):
    """A process wrote something."""

    name = 'launch.events.process.ProcessIO'

    def __init__(self, *, text: bytes, fd: int, **details: Any) -> None:
        super().__init__(**details)
        self.text = text
        self.fd = fd

    @property
    def from_stdout(self) -> bool:
        """Whether it was written to standard output."""
        return self.fd == 1

    @property
    def from_stderr(self) -> bool:
        """Whether it was written to standard error."""
        return self.fd == 2


class ProcessTargetedEvent(Event):
    """Something that processes are asked to do."""

    name = 'launch.events.process.ProcessTargetedEvent'

    def __init__(self, *, process_matcher: Callable[[Any], bool]) -> None:
        self.process_matcher = process_matcher


class SignalProcess(ProcessTargetedEvent):
    """Processes are to get a signal."""

    name = 'launch.events.process.SignalProcess'

    def __init__(self, *, signal_number: Any, process_matcher: Callable[[Any], bool]) -> None:
        super().__init__(process_matcher=process_matcher)
        self.signal = signal.Signals(signal_number)
        self.signal_name = self.signal.name


class ShutdownProcess(ProcessTargetedEvent):
    """Processes are to end."""

    name = 'launch.events.process.ShutdownProcess'


def matches_name(name: str) -> Callable[[Any], bool]:
    """Return a matcher for processes of a name."""
    return lambda action: (
        action.process_details is not None
        and name
        in (action.process_details['name'], action.process_details['name'].rpartition('-')[0])
    )


def matches_pid(pid: int) -> Callable[[Any], bool]:
    """Return a matcher for the process of an id."""
    return lambda action: (
        action.process_details is not None and action.process_details['pid'] == pid
    )
