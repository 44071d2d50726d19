"""What becomes of the lines that processes write."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from launch.events.process import ProcessIO
from launch.logging import launch_config

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

_DESTINATIONS: dict[str, dict[str, set[str]]] = {
    'screen': {'stdout': {'screen'}, 'stderr': {'screen'}},
    'log': {'stdout': {'log'}, 'stderr': {'log', 'screen'}},
    'both': {'stdout': {'log', 'screen'}, 'stderr': {'log', 'screen'}},
    'full': {'stdout': {'log', 'screen'}, 'stderr': {'log', 'screen'}},
    'own_log': {'stdout': {'log'}, 'stderr': {'log'}},
}


def destinations(output: str | dict[str, Any]) -> dict[str, set[str]]:
    """Return where standard output and error go; OVERRIDE_LAUNCH_PROCESS_OUTPUT comes first."""
    override = os.environ.get('OVERRIDE_LAUNCH_PROCESS_OUTPUT')
    output = override or output
    if isinstance(output, str):
        if output not in _DESTINATIONS:
            raise ValueError(f"'{output}' is not a valid standard output config")
        return _DESTINATIONS[output]
    result: dict[str, set[str]] = {'stdout': set(), 'stderr': set()}
    for stream, places in output.items():
        for place in {places} if isinstance(places, str) else places:
            for key in result if stream == 'both' else (stream,):
                result[key] |= {'log', 'screen'} if place == 'both' else {place}
    return result


class OutputRouter:
    """Sends the lines of one process to the console, the log file and event handlers."""

    def __init__(
        self,
        name: str,
        output: str | dict[str, Any],
        details: dict[str, Any],
        context: LaunchContext,
    ) -> None:
        self._name = name
        self._destinations = destinations(output)
        self._details = details
        self._context = context
        self._partial = {1: b'', 2: b''}

    def feed(self, fd: int, text: bytes) -> None:
        """Take what was written; complete lines are passed on."""
        if text:
            self._context.emit_event_sync(ProcessIO(text=text, fd=fd, **self._details))
        *lines, self._partial[fd] = (self._partial[fd] + text).split(b'\n')
        self._pass_on(fd, lines)

    def finish(self, fd: int) -> None:
        """Pass on a last line without an end."""
        if self._partial[fd]:
            self._pass_on(fd, [self._partial[fd]])
            self._partial[fd] = b''

    def _pass_on(self, fd: int, lines: list[bytes]) -> None:
        places = self._destinations['stdout' if fd == 1 else 'stderr']
        for raw in lines:
            line = raw.decode(errors='replace').rstrip('\r')
            if 'screen' in places:
                launch_config.write_screen(f'[{self._name}] {line}')
            if 'log' in places:
                launch_config.write_file(line, self._name)


class ProcessOutput:
    """The reading ends of a process's output, and the writing ends until it is started."""

    def __init__(self, stdout: tuple[int, int], stderr: tuple[int, int] | None) -> None:
        self._pairs = {1: stdout} if stderr is None else {1: stdout, 2: stderr}

    @property
    def stdout(self) -> int:
        """Descriptor for the standard output of the process."""
        return self._pairs[1][1]

    @property
    def stderr(self) -> int:
        """Descriptor for the standard error of the process."""
        return self._pairs.get(2, self._pairs[1])[1]

    def close(self) -> None:
        """Close all ends."""
        for ends in self._pairs.values():
            for descriptor in ends:
                os.close(descriptor)

    async def pump(self, router: OutputRouter) -> None:
        """Close the writing ends, then read until the process has closed its own."""
        for _, writing in self._pairs.values():
            os.close(writing)
        await asyncio.gather(
            *(self._read(reading, fd, router) for fd, (reading, _) in self._pairs.items())
        )

    @staticmethod
    async def _read(descriptor: int, fd: int, router: OutputRouter) -> None:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def read() -> None:
            try:
                text = os.read(descriptor, 65536)
            except OSError:  # A pseudo-terminal whose other end is closed.
                text = b''
            if text:
                router.feed(fd, text)
            else:
                loop.remove_reader(descriptor)
                ended.set_result(None)

        loop.add_reader(descriptor, read)
        try:
            await ended
        finally:
            loop.remove_reader(descriptor)
            router.finish(fd)
            os.close(descriptor)


def open_output(emulate_tty: bool) -> ProcessOutput:
    """Return pipes, or a pseudo-terminal for both streams."""
    if emulate_tty:
        return ProcessOutput(os.openpty(), None)
    return ProcessOutput(os.pipe(), os.pipe())
