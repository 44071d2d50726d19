"""How a tool runs and ends: errors become sentences, signals wait for what must be finished.

Exit codes: 0 done, 1 refused or failed with a sentence, 128 + signal when interrupted.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from so101_driver.common.errors import DriverError

_ROS_ARGUMENTS = '--ros-args'


def without_ros(arguments: Sequence[str] | None) -> list[str]:
    """Return a command line without what ROS's launch appends to it."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return given[: given.index(_ROS_ARGUMENTS)] if _ROS_ARGUMENTS in given else given


class Command:
    """One run of a tool.

    Args:
        situation: What the user has to know about the arm when the tool ends early; the tool
            keeps it up to date.
    """

    def __init__(self, situation: str = '') -> None:
        self.situation = situation
        self._signal = 0
        self._is_finishing = False

    def run(self, body: Callable[[], int]) -> int:
        """Run a tool's body with signals and errors handled; return the exit code."""
        before = {n: signal.signal(n, self._on_signal) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            return body()
        except KeyboardInterrupt:
            self._complain('\ninterrupted')
            return 128 + (self._signal or signal.SIGINT)
        except (DriverError, OSError) as error:
            self._complain(str(error))
            return 1
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def finishing(self, situation: str) -> Iterator[None]:
        """Let signals wait until the block is over; it must end by itself, soon."""
        self.situation = situation
        self._is_finishing = True
        try:
            yield
        finally:
            self._is_finishing = False
        if self._signal:
            raise KeyboardInterrupt

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number
        if not self._is_finishing:
            raise KeyboardInterrupt

    def _complain(self, text: str) -> None:
        print(text, self.situation, sep='\n' if self.situation else '', file=sys.stderr)
