"""The thread that owns an arm: cycles on an absolute grid, reconnects, runs requests in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from queue import Empty, SimpleQueue
from typing import TypeVar

from so101_driver.arm.arm import ArmState, So101Arm
from so101_driver.arm.arm_reading import ArmReading
from so101_driver.common.errors import DriverError, LinkError, NotActiveError
from so101_driver.common.pacing import Grid
from so101_driver.common.priority import favour_thread

ResultT = TypeVar('ResultT')

Report = Callable[[str], None]

_RECONNECT_PERIOD_S = 0.1
_JOIN_TIMEOUT_S = 5.0
_SILENCE_S = 0.5  # of a joint, after which the arm is checked from the beginning
_POWER_CHECK_S = 1.0
_ALARM_MEMORY_S = 5.0  # an alarm that returns sooner is the same one
# A machine that has just started a whole session may hand answers over late.
_START_PATIENCE_S = 3.0


class ArmThread:
    """Runs `cycle(reading)` at a fixed rate with an arm that nobody else touches.

    A joint that does not answer costs this cycle's value, never the thread. A lost port is
    reopened for as long as it takes; the servos hold meanwhile. A joint that stays silent, or has
    lost its torque, sends the whole arm through its checks again: its servo may have restarted.

    Args:
        arm: The arm, connected or not.
        rate_hz: Cycles per second.
        cycle: Called with each reading.
        connected: Called after each successful connect in this thread.
        report: Takes one line per change of state, for the log.
        niceness: See `favour_thread`.
    """

    def __init__(
        self,
        arm: So101Arm,
        rate_hz: float,
        cycle: Callable[[ArmReading], None],
        connected: Callable[[], None],
        report: Report,
        niceness: int = 0,
    ) -> None:
        self.arm = arm
        self.grid = Grid(rate_hz)
        self.problem = ''
        self.cycles = 0
        self.bad_cycles = 0
        self.reconnects = 0
        self.longest_cycle_s = 0.0
        self.scheduling = ''
        self._niceness = niceness
        self._silent_since_s: float | None = None
        self._power_checked_s = time.monotonic()
        self._alarms: dict[str, float] = {}
        self._cycle = cycle
        self._connected = connected
        self._report = report
        self._requests: SimpleQueue[tuple[Callable[[], object], Future[object]]] = SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name='arm', daemon=True)

    def start(self) -> None:
        """Begin to cycle."""
        self._thread.start()

    def call(self, action: Callable[[], ResultT], timeout_s: float = 5.0) -> ResultT:
        """Run an action on the arm between two cycles and return its result.

        An action that was not begun in time is never carried out.

        Raises:
            DriverError: what the action raised.
            TimeoutError: when the thread did not come to it in time, or does not come back from it.
        """
        future: Future[object] = Future()
        self._requests.put((action, future))
        try:
            return future.result(timeout_s)  # type: ignore[return-value]
        except NotInTime:
            if future.cancel():
                raise TimeoutError('not done: the arm is busy or does not respond') from None
        try:
            return future.result(timeout_s)  # type: ignore[return-value]
        except NotInTime:
            raise TimeoutError('begun, but the arm has not answered yet') from None

    def close(self) -> None:
        """Stop cycling and close the arm, torque rule included; closing twice is fine.

        Raises:
            ServoError: when motors could not be released.
        """
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_TIMEOUT_S)
        for _, future in self._waiting():
            future.set_exception(NotActiveError('not done: the node is ending'))
        self.arm.close()

    def _run(self) -> None:
        self.scheduling = favour_thread(self._niceness)
        self.grid = Grid(self.grid.rate_hz)
        while not self._stop.is_set():
            if self.arm.state is ArmState.UNCONFIGURED and not self._reconnect():
                self._serve_requests()
                self._stop.wait(_RECONNECT_PERIOD_S)
                continue
            self._serve_requests()
            self._one_cycle()
            if not self.grid.wait(self._stop):
                return

    def _one_cycle(self) -> None:
        self.cycles += 1
        start_s = time.monotonic()
        try:
            reading = self.arm.read()
            self._cycle(reading)
            self._announce(reading.alarms, start_s)
            problem = self._check_silence(reading, start_s) or self._check_power(start_s)
        except DriverError as error:
            problem = str(error)
        except Exception as error:  # a thread that died unseen would leave the arm unattended
            problem = f'error in the control cycle: {error!r}'
        self.bad_cycles += bool(problem)
        self._say(problem)
        self.longest_cycle_s = max(self.longest_cycle_s, time.monotonic() - start_s)

    def _check_silence(self, reading: ArmReading, now_s: float) -> str:
        """Return who does not answer; give the link up when that lasts."""
        if not reading.missing:
            self._silent_since_s = None
            return ''
        names = ', '.join(reading.missing)
        if self._silent_since_s is None:
            self._silent_since_s = now_s
        elif now_s - self._silent_since_s > _SILENCE_S:
            self._silent_since_s = None
            self.arm.lose_link()
        return f'no answer from {names}'

    def _check_power(self, now_s: float) -> str:
        """Look now and then whether an active arm still has its torque everywhere."""
        is_due = now_s - self._power_checked_s > _POWER_CHECK_S
        if self.arm.state is not ArmState.ACTIVE or not is_due:
            return ''
        self._power_checked_s = now_s
        limp = self.arm.limp_joints()
        if not limp:
            return ''
        self.arm.lose_link()
        return f'{", ".join(limp)} lost the torque: the supply failed or a cable is loose'

    def _announce(self, alarms: tuple[str, ...], now_s: float) -> None:
        """Report alarms when they begin, not each time they last."""
        for alarm in alarms:
            last_s = self._alarms.get(alarm)
            if last_s is None or now_s - last_s > _ALARM_MEMORY_S:
                self._report(alarm)
            self._alarms[alarm] = now_s

    def _reconnect(self) -> bool:
        try:
            self.arm.connect()
        except DriverError as error:
            self._say(str(error))
            return False
        self.reconnects += 1
        self._power_checked_s = time.monotonic()
        for warning in self.arm.warnings:
            self._report(warning)
        try:
            self._connected()
        except DriverError as error:
            self._report(str(error))
        self._report(f'{self.arm.bus.port.port_name}: connected, {self.arm.state.value}')
        self._say('')
        return True

    def _serve_requests(self) -> None:
        for action, future in self._waiting():
            try:
                future.set_result(action())
            except Exception as error:  # handed to the caller, whoever that is
                future.set_exception(error)

    def _waiting(self) -> Iterator[tuple[Callable[[], object], Future[object]]]:
        """Take out the requests whose callers still wait."""
        while True:
            try:
                action, future = self._requests.get_nowait()
            except Empty:
                return
            if future.set_running_or_notify_cancel():
                yield action, future

    def _say(self, problem: str) -> None:
        """Report a problem when it begins or changes, not each time it lasts."""
        if problem and problem != self.problem:
            self._report(problem)
        self.problem = problem


def connect_within(arm: So101Arm, wait_s: float, stopped: Callable[[], bool]) -> None:
    """Connect, waiting for a port that has not appeared yet and for servos that are silent.

    Raises:
        LinkError: when it did not appear in time.
        DriverError: at once for everything that waiting does not cure.
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            arm.connect(_START_PATIENCE_S)
            return
        except LinkError:
            if time.monotonic() >= deadline or stopped():
                raise
        time.sleep(0.05)
