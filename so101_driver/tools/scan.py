"""Who answers on a port: at which speed, under which id, which model.

Everybody is asked at once first. Where the answers collide, or where all are silent at the arms'
own speed, ids are asked one by one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from so101_driver.arm.arm_setup import Image
from so101_driver.arm.calibration import MAX_SERVO_ID
from so101_driver.arm.joints import JOINTS
from so101_driver.arm.telemetry import VOLT_UNIT
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.packets import BROADCAST_ID, OVERHEAD, Instruction, StatusParser, frame
from so101_driver.bus.registers import STS3215_MODEL, Register
from so101_driver.bus.serial_port import DEFAULT_BAUDRATE
from so101_driver.common.errors import ServoError

_CALLS = 2  # the first may be lost while an adapter changes its speed
_LISTEN_S = 0.2
_MOST_ANSWERS = 42  # what a read can wait for at once
_FAR_ID = 30  # as far as ids are asked one by one after a collision
_COLLISION_TRIES = 3
_HEARD_RETRIES = 5
_MEASURED = Register.PRESENT_POSITION
_MEASURED_BYTES = 15  # up to the current
_TWELVE_VOLT_FROM_V = 9.0


@dataclasses.dataclass(frozen=True)
class Found:
    """A servo that answered.

    Attributes:
        id, baudrate, model: Who it is; the model is 0 when it could not be read.
        firmware: As `major.minor`.
        voltage_v: Its supply.
        is_shared: Whether answers collide: several servos have this id.
    """

    id: int
    baudrate: int
    model: int = 0
    firmware: str = '?'
    voltage_v: float = 0.0
    is_shared: bool = False

    def __str__(self) -> str:
        if self.is_shared:
            return f'id {self.id} at {self.baudrate}: several servos answer under this id'
        model = 'STS3215' if self.model == STS3215_MODEL else f'model {self.model}'
        return (
            f'id {self.id} at {self.baudrate}: {model}, firmware {self.firmware}, '
            f'{self.voltage_v:.1f} V'
        )


@contextmanager
def opened(port_name: str, baudrate: int = DEFAULT_BAUDRATE) -> Iterator[ServoBus]:
    """Open a bus for a while.

    Raises:
        LinkError: when the port cannot be opened.
    """
    bus = ServoBus(port_name, baudrate)
    bus.open()
    try:
        yield bus
    finally:
        bus.close()


def scan(port_name: str, baudrates: Iterable[int] = (DEFAULT_BAUDRATE,)) -> list[Found]:
    """Return every servo that answers at one of these speeds.

    Raises:
        LinkError: when the port cannot be opened, or vanishes.
    """
    found = []
    for baudrate in baudrates:
        with opened(port_name, baudrate) as bus:
            found += _scan(bus, baudrate)
    return found


def supply_hint(found: Iterable[Found]) -> str:
    """Say what the supply tells about the arm's role."""
    volts = max((servo.voltage_v for servo in found), default=0.0)
    if volts >= _TWELVE_VOLT_FROM_V:
        return f'{volts:.1f} V: a follower (the motors of a leader are made for 7.4 V)'
    return f'{volts:.1f} V: a leader, or a follower with 7.4 V motors'


def _scan(bus: ServoBus, baudrate: int) -> list[Found]:
    for _ in range(_CALLS):
        heard, is_damaged = _call_all(bus)
        if heard or is_damaged:
            break
    asked = set(heard)
    if is_damaged:
        asked |= set(range(_FAR_ID + 1))
    elif not heard and baudrate == DEFAULT_BAUDRATE:
        asked = set(range(1, len(JOINTS) + 1))
    found = []
    for servo_id in sorted(asked):
        damaged_before = bus.damaged_bytes
        retries = _HEARD_RETRIES if servo_id in heard else 0
        if bus.ping(servo_id, retries) is not None or bus.damaged_bytes > damaged_before:
            found.append(_identify(bus, servo_id, baudrate))
    return found


def _call_all(bus: ServoBus) -> tuple[set[int], bool]:
    """Ping everybody at once; return the ids heard, and whether some bytes were damaged."""
    request = frame(BROADCAST_ID, Instruction.PING)
    bus.port.clearPort()
    bus.port.writePort(request)
    parser = StatusParser(range(MAX_SERVO_ID + 1), 0, request)
    parser.feed(bus.port.receive(_MOST_ANSWERS * OVERHEAD, _LISTEN_S))
    parser.finish()
    return set(parser.replies), parser.received > len(parser.replies) * OVERHEAD


def _identify(bus: ServoBus, servo_id: int, baudrate: int) -> Found:
    """Ask a servo who it is.

    Two of one id answer a ping alike, so that it looks like one. What they measure differs.
    """
    try:
        image = Image(bus, servo_id)
        volts = bus.read(servo_id, Register.PRESENT_VOLTAGE) * VOLT_UNIT
        damaged_before = bus.damaged_bytes
        for _ in range(_COLLISION_TRIES):
            bus.read_block(servo_id, _MEASURED, _MEASURED_BYTES)
    except ServoError:
        return Found(servo_id, baudrate, is_shared=True)
    return Found(
        servo_id,
        baudrate,
        image[Register.MODEL_NUMBER],
        f'{image[Register.FIRMWARE_MAJOR]}.{image[Register.FIRMWARE_MINOR]}',
        volts,
        bus.damaged_bytes > damaged_before,
    )
