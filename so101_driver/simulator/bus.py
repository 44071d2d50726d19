"""A simulated bus: one thread that answers for six servos on a pseudo-terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from numpy.typing import ArrayLike

from so101_driver.arm.calibration import Calibration
from so101_driver.arm.joints import JOINTS
from so101_driver.arm.units import rad_to_ticks
from so101_driver.bus.packets import OVERHEAD
from so101_driver.bus.serial_port import BITS_PER_BYTE, DEFAULT_BAUDRATE
from so101_driver.common.errors import ProtocolError
from so101_driver.common.priority import favour_thread
from so101_driver.simulator.faults import Answer, Fault, FaultPlan
from so101_driver.simulator.injection import begin, end
from so101_driver.simulator.line import PseudoTerminal
from so101_driver.simulator.protocol import Request, RequestParser, Responder
from so101_driver.simulator.servo import ServoSetup, SimulatedServo
from so101_driver.simulator.timeline import Timeline

Hand = Callable[[int], Sequence[float] | None]
"""Where a person holds the joints at a monotonic time (ns): ticks in joint order, or None."""

_STOP_BEYOND_RANGE_TICKS = 60
_SPIN_S = 0.0001
_NS = 1_000_000_000


def servo_setups(
    calibration: Calibration, start_rad: ArrayLike, overload_latch: str = 'torque'
) -> list[ServoSetup]:
    """Return servos whose EEPROM holds the calibration, standing at a pose (radians)."""
    ticks = rad_to_ticks(start_rad, JOINTS, calibration)
    setups = []
    for name, tick in zip(JOINTS, ticks, strict=True):
        entry = calibration[name]
        setups.append(
            ServoSetup(
                entry.id,
                entry.homing_offset,
                entry.range_min,
                entry.range_max,
                int(tick),
                max(entry.range_min - _STOP_BEYOND_RANGE_TICKS, 0),
                min(entry.range_max + _STOP_BEYOND_RANGE_TICKS, 4095),
                overload_latch,
            )
        )
    return setups


class SimulatedBus:
    """Six servos behind a device path; talks to whoever opens that path.

    Args:
        link: Path at which the device appears.
        setups: The servos.
        hand: Moves joints whose torque is off, asked at each request.
        paced: Keep the line busy for as long as a 1 Mbps wire would be, in both directions.
        seed: Seed of random faults.
        turnaround_s: Pause before each answer on a paced line.
        matches_speed: A servo hears only a host whose speed is its own.
        niceness: See `favour_thread`; servos do not wait for a processor.
        strict: Count the host's transmissions during an answer; `check` raises for them.
    """

    def __init__(
        self,
        link: str | Path,
        setups: Sequence[ServoSetup],
        hand: Hand | None = None,
        paced: bool = False,
        seed: int = 0,
        turnaround_s: float = 0.00002,
        strict: bool = False,
        matches_speed: bool = False,
        niceness: int = 0,
    ) -> None:
        now_ns = time.monotonic_ns()
        self.line = PseudoTerminal(link)
        self.faults = FaultPlan(seed)
        self.servos = {setup.id: SimulatedServo(setup, now_ns) for setup in setups}
        self.requests = 0
        self.violations = 0
        self.strict = strict
        self._order = [self.servos[setup.id] for setup in setups]
        self._hand = hand
        self._matches_speed = matches_speed
        self._niceness = niceness
        self._byte_time_s = BITS_PER_BYTE / DEFAULT_BAUDRATE if paced else 0.0
        self._turnaround_s = turnaround_s
        self._line_free_s = 0.0
        self._responder = Responder(self.servos, self.faults)
        self._timeline = Timeline()
        self._active: list[Fault] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Make the device appear and answer from now on."""
        self.line.plug()
        self._closing.clear()
        self._thread = threading.Thread(target=self._serve, name='simulated bus', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Make the device vanish; `start` brings it back with the servos as they were."""
        if self._thread is None:
            return
        self._closing.set()
        self.line.wake()
        self._thread.join()
        self._thread = None
        self.line.unplug()

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self.line.close()

    def check(self) -> None:
        """Judge the host.

        Raises:
            ProtocolError: in strict mode, when it transmitted during an answer.
        """
        if self.strict and self.violations:
            raise ProtocolError(
                f'{self.line.link}: the host transmitted {self.violations} time(s) while an '
                'answer was still to come'
            )

    def inject(self, fault: Fault) -> None:
        """Let a fault happen, `at_s` from now, for `for_s`; from any thread."""
        start_ns = time.monotonic_ns() + round(fault.at_s * _NS)
        self._timeline.add(start_ns, lambda: self._begin(fault))
        if fault.for_s is not None:
            self._timeline.add(start_ns + round(fault.for_s * _NS), lambda: self._end(fault))
        self.line.wake()

    def clear_faults(self) -> None:
        """End every fault and forget those to come; from any thread."""
        self._timeline.clear()
        self._timeline.add(0, self._end_all)
        self.line.wake()

    def power_cycle(self) -> None:
        """Cut the supply of all servos for a moment."""
        with self._lock:
            for servo in self.servos.values():
                servo.power_up(time.monotonic_ns())

    def __enter__(self) -> SimulatedBus:
        self.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close()
        if kind is None:
            self.check()

    def _serve(self) -> None:
        favour_thread(self._niceness)
        parser = RequestParser()
        while not self._closing.is_set():
            for action in self._timeline.take_due(time.monotonic_ns()):
                action()
            data = self.line.receive(self._timeline.wait_s(time.monotonic_ns()))
            arrived_s = time.monotonic()
            answered = False
            for request in parser.feed(data):
                # A second request in one piece was sent before the first could be answered.
                self.violations += answered
                answered = self._answer(request, arrived_s)

    def _answer(self, request: Request, arrived_s: float) -> bool:
        """Obey, and answer in the time that it takes; tell whether an answer was due."""
        with self._lock:
            self.requests += 1
            now_ns = time.monotonic_ns()
            self._move_by_hand(now_ns)
            if self._matches_speed:
                self._responder.line_speed = self.line.speed()
            answers = self._responder.answer(request, now_ns)
        sent = len(request.parameters) + OVERHEAD
        due_s = max(arrived_s, self._line_free_s) + sent * self._byte_time_s
        if self._byte_time_s or any(answer.delay_s for answer in answers):
            for answer in answers:
                due_s += answer.wire_bytes * self._byte_time_s + answer.delay_s
                due_s += self._turnaround_s if self._byte_time_s else 0.0
                _sleep_until(due_s)
                self._put([answer])
        elif answers:
            self._put(answers)
        self._line_free_s = due_s
        return bool(answers)

    def _put(self, answers: list[Answer]) -> None:
        if self.strict and self.line.has_input():
            self.violations += 1
        data = b''.join(answer.data for answer in answers)
        if data:
            self.line.send(data)

    def _begin(self, fault: Fault) -> None:
        with self._lock:
            self._active.append(fault)
            begin(self, fault)

    def _end(self, fault: Fault) -> None:
        with self._lock:
            if fault in self._active:
                self._active.remove(fault)
                end(self, fault)

    def _end_all(self) -> None:
        for fault in list(self._active):
            self._end(fault)
        self.faults.clear()

    def _move_by_hand(self, now_ns: int) -> None:
        if self._hand is None:
            return
        pose = self._hand(now_ns)
        if pose is None:
            return
        for servo, ticks in zip(self._order, pose, strict=True):
            if not servo.is_powered:
                servo.place(ticks)


def _sleep_until(due_s: float) -> None:
    """Sleep most of the way and spin the rest: sleeping alone oversleeps whole frames."""
    left_s = due_s - time.monotonic()
    if left_s > _SPIN_S:
        time.sleep(left_s - _SPIN_S)
    while time.monotonic() < due_s:
        pass
