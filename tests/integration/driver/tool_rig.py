"""A tool in a pseudo-terminal, and a simulated arm that a hand moves."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from so101_driver.arm.joints import JOINTS
from so101_driver.bus.registers import Register
from so101_driver.simulator.bus import SimulatedBus
from so101_driver.simulator.servo import ServoSetup
from tests.conftest import REPOSITORY

_PATIENCE_S = 60.0

# Encoder ticks at both stops: across the seam, ending at it, across half a turn, anywhere.
RANGES = ((3100, 5500), (1780, 4095), (-900, 1300), (1000, 3100), (200, 4068), (4095, 5500))
OLD_OFFSETS = (0, 1200, -700, 2047, -2047, 31)
EEPROM = (Register.HOMING_OFFSET, Register.MIN_POSITION_LIMIT, Register.MAX_POSITION_LIMIT)


class Tool:
    """A running tool; what it prints is kept."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._master, slave = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, '-m', f'so101_driver.tools.{module}', *arguments],
            cwd=REPOSITORY, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.output = ''
        self._seen = 0

    def expect(self, text: str) -> None:
        """Wait until the tool prints a text after what was expected before."""
        end = time.monotonic() + _PATIENCE_S
        while (place := self.output.find(text, self._seen)) < 0:
            assert self._read(end), f'"{text}" does not come:\n{self.output}'
        self._seen = place + len(text)

    def type(self, text: str = '') -> None:
        """Type a line; expect the question first, for what comes before it is dropped."""
        os.write(self._master, f'{text}\n'.encode())

    def end(self, number: int | None = None) -> int:
        """Send a signal, or none; wait for the end and return the exit code."""
        if number is not None:
            self.process.send_signal(number)
        end = time.monotonic() + _PATIENCE_S
        while self._read(end):
            pass
        return self.process.wait(_PATIENCE_S)

    def close(self) -> None:
        """End it whatever it does."""
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _read(self, end_s: float) -> bool:
        """Take what is printed; False when the tool has ended or the time is over."""
        if not select.select([self._master], [], [], max(end_s - time.monotonic(), 0.0))[0]:
            return False
        try:
            data = os.read(self._master, 4096)
        except OSError:  # the other side is closed
            return False
        self.output += re.sub(r'\x1b\[\d*[A-Z]', '', data.decode()).replace('\r', '')
        return bool(data)


class Hand:
    """Moves limp joints from where they are to the upper, then the lower stop, once told to."""

    def __init__(self, ranges: Sequence[tuple[int, int]] = RANGES, step_ticks: int = 150) -> None:
        self.bus: SimulatedBus | None = None
        self._step = step_ticks
        self._ways = [[high, low] for low, high in ranges]
        self.moves = False

    @property
    def has_arrived(self) -> bool:
        """Whether every joint has been at both of its ends."""
        return not any(self._ways)

    def __call__(self, _now_ns: int) -> list[float] | None:
        """Return where the joints are held now, in their servos' frames."""
        if not self.moves or self.bus is None:
            return None
        pose = []
        for servo, way in zip(self.bus.servos.values(), self._ways, strict=True):
            position = servo.joint.position
            if way:
                left = way[0] - position
                position += min(max(left, -self._step), self._step)
                if position == way[0]:
                    way.pop(0)
            pose.append(position - servo.get(Register.HOMING_OFFSET))
        return pose


def simulated_arm(port: Path, hand: Hand, powered: bool = False) -> SimulatedBus:
    """Return an arm with an old calibration, standing off the middle of its ranges."""
    setups = []
    for number, (offset, (low, high)) in enumerate(zip(OLD_OFFSETS, RANGES, strict=True), 1):
        start = (low + high) // 2 + 40
        stops = low - offset, high - offset
        setups.append(ServoSetup(number, offset, 5, 4000, start - offset, *stops))
    bus = SimulatedBus(port, setups, hand)
    hand.bus = bus
    for servo in bus.servos.values() if powered else ():
        servo.set(Register.GOAL_POSITION, servo.get(Register.PRESENT_POSITION))
        servo.set(Register.TORQUE_ENABLE, 1)
    return bus


def eeprom(bus: SimulatedBus) -> dict[str, tuple[int, ...]]:
    """Return the calibration that the servos hold after the power was off."""
    bus.power_cycle()
    servos = zip(JOINTS, bus.servos.values(), strict=True)
    return {joint: tuple(servo.get(register) for register in EEPROM) for joint, servo in servos}


def at_write(
    bus: SimulatedBus, addresses: Sequence[int], skip: int, act: Callable[[], None]
) -> None:
    """Do something right after one of the writes to these registers has been obeyed."""
    left = [skip]

    def hook(write: Callable[[int, bytes, int], None]) -> Callable[[int, bytes, int], None]:
        def hooked(address: int, data: bytes, now_ns: int) -> None:
            write(address, data, now_ns)
            if address in addresses:
                left[0] -= 1
                if left[0] == -1:
                    act()

        return hooked

    for servo in bus.servos.values():
        servo.write = hook(servo.write)


def kill(tool: Tool) -> None:
    """Kill as `kill -9` does, from any thread."""
    os.kill(tool.process.pid, signal.SIGKILL)
