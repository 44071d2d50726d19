"""A simulated bus: one thread that answers for six servos on a pseudo-terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from numpy.typing import ArrayLike

from so101_driver.calibration import Calibration
from so101_driver.frames import OVERHEAD
from so101_driver.joints import JOINTS
from so101_driver.serial_port import BITS_PER_BYTE, DEFAULT_BAUDRATE
from so101_driver.simulator.faults import FaultPlan
from so101_driver.simulator.line import PseudoTerminal
from so101_driver.simulator.protocol import Request, RequestParser, Responder
from so101_driver.simulator.servo import ServoSetup, SimulatedServo
from so101_driver.units import rad_to_ticks

Hand = Callable[[int], Sequence[float] | None]
"""Where a person holds the joints at a monotonic time (ns): ticks in joint order, or None."""

_STOP_BEYOND_RANGE_TICKS = 60
_TURNAROUND_S = 0.00002
_SPIN_S = 0.0001


def servo_setups(calibration: Calibration, start_rad: ArrayLike) -> list[ServoSetup]:
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
            )
        )
    return setups


class SimulatedBus:
    """Six servos behind a device path; talks to whoever opens that path.

    Args:
        link: Path at which the device appears.
        setups: The servos.
        hand: Moves joints whose torque is off, asked at each request.
        paced: Answer at the speed of a 1 Mbps wire instead of at once.
        seed: Seed of random faults.
    """

    def __init__(
        self,
        link: str | Path,
        setups: Sequence[ServoSetup],
        hand: Hand | None = None,
        paced: bool = False,
        seed: int = 0,
    ) -> None:
        now_ns = time.monotonic_ns()
        self.line = PseudoTerminal(link)
        self.faults = FaultPlan(seed)
        self.servos = {setup.id: SimulatedServo(setup, now_ns) for setup in setups}
        self.requests = 0
        self._order = [self.servos[setup.id] for setup in setups]
        self._hand = hand
        self._byte_time_s = BITS_PER_BYTE / DEFAULT_BAUDRATE if paced else 0.0
        self._responder = Responder(self.servos, self.faults)
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

    def power_cycle(self) -> None:
        """Cut the supply of all servos for a moment."""
        with self._lock:
            for servo in self.servos.values():
                servo.power_up(time.monotonic_ns())

    def __enter__(self) -> SimulatedBus:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        parser = RequestParser()
        while not self._closing.is_set():
            data = self.line.receive()
            arrived_s = time.monotonic()
            for request in parser.feed(data):
                self._answer(request, arrived_s)

    def _answer(self, request: Request, arrived_s: float) -> None:
        with self._lock:
            self.requests += 1
            now_ns = time.monotonic_ns()
            self._move_by_hand(now_ns)
            frames = self._responder.answer(request, now_ns)
        if not self._byte_time_s:
            if frames:
                self.line.send(b''.join(frames))
            return
        due_s = arrived_s + (len(request.parameters) + OVERHEAD) * self._byte_time_s
        for answer in frames:
            due_s += _TURNAROUND_S + len(answer) * self._byte_time_s
            _sleep_until(due_s)
            self.line.send(answer)

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
