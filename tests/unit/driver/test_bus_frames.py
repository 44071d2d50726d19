"""Requests of the bus, byte for byte, and the SDK's defects that it must not have."""

from __future__ import annotations

import termios
import time
from collections.abc import Callable

import pytest
import scservo_sdk

from so101_driver.bus.bus import ServoBus
from so101_driver.bus.packets import frame
from so101_driver.bus.registers import Register
from so101_driver.common.errors import LinkError
from so101_driver.simulator.bus import SimulatedBus
from so101_driver.simulator.faults import Fault, FaultKind

IDS = [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ('request_of', 'golden'),
    [
        (lambda bus: bus.ping(1), 'FF FF 01 02 01 FB'),
        (lambda bus: bus.read(1, Register.MODEL_NUMBER), 'FF FF 01 04 02 03 02 F3'),
        (lambda bus: bus.read(1, Register.FIRMWARE_MAJOR), 'FF FF 01 04 02 00 01 F7'),
        (lambda bus: bus.read(1, Register.PRESENT_POSITION), 'FF FF 01 04 02 38 02 BE'),
        (lambda bus: bus.write(6, Register.TORQUE_ENABLE, 1), 'FF FF 06 04 03 28 01 C9'),
        (lambda bus: bus.write(1, Register.LOCK, 0), 'FF FF 01 04 03 37 00 C0'),
        (lambda bus: bus.write(2, Register.HOMING_OFFSET, -369), 'FF FF 02 05 03 1F 71 09 5C'),
        (lambda bus: bus.write(6, Register.MAX_TORQUE_LIMIT, 500), 'FF FF 06 05 03 10 F4 01 EC'),
        (
            lambda bus: bus.sync_read(IDS, Register.PRESENT_POSITION, 2),
            'FF FF FE 0A 82 38 02 01 02 03 04 05 06 26',
        ),
        (
            lambda bus: bus.sync_read(IDS, Register.PRESENT_POSITION, 15),
            'FF FF FE 0A 82 38 0F 01 02 03 04 05 06 19',
        ),
        (
            lambda bus: bus.sync_write(Register.GOAL_POSITION, dict.fromkeys(IDS, 2048)),
            'FF FF FE 16 83 2A 02 01 00 08 02 00 08 03 00 08 04 00 08 05 00 08 06 00 08 F7',
        ),
    ],
)
def test_golden_requests(bus: ServoBus, request_of: Callable[[ServoBus], object], golden: str):
    request_of(bus)
    assert bus.port.last_packet.hex(' ').upper() == golden


def test_stale_input_is_never_an_answer(simulated: SimulatedBus, bus: ServoBus) -> None:
    """After a timeout the SDK takes what is left in the buffer for the next answer."""
    simulated.line.send(frame(4, 0, b'\x55') * 3)
    assert bus.read(4, Register.ID) == 4


def test_the_wall_clock_does_not_matter(
    simulated: SimulatedBus, bus: ServoBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated.faults.add(Fault(FaultKind.DELAY, servo_id=1, delay_s=0.004, count=None))
    steps = iter([0.0, 5.0, -5.0] * 1000)
    wall = time.time
    monkeypatch.setattr(time, 'time', lambda: wall() + next(steps))
    for _ in range(20):
        assert bus.read(1, Register.MODEL_NUMBER, retries=0) == 777


def test_busy_flag_is_released_whatever_happens(
    simulated: SimulatedBus, bus: ServoBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unplugged(*_: object) -> None:
        raise termios.error(5, 'Input/output error')

    with monkeypatch.context() as patch:
        patch.setattr(termios, 'tcflush', unplugged)
        with pytest.raises(LinkError, match='the device is gone'):
            bus.ping(1)
        with pytest.raises(LinkError, match='the device is gone'):
            bus.sync_write(Register.GOAL_POSITION, {1: 1})
    assert not bus.port.is_using
    assert bus.ping(1) == 0


def test_sdk_calls_work_on_the_port(simulated: SimulatedBus, bus: ServoBus) -> None:
    packets = scservo_sdk.PacketHandler(0)
    model, result, error = packets.ping(bus.port, 3)
    assert (model, result, error) == (777, scservo_sdk.COMM_SUCCESS, 0)
    reader = scservo_sdk.GroupSyncRead(bus.port, packets, Register.PRESENT_POSITION.address, 2)
    for servo_id in IDS:
        reader.addParam(servo_id)
    assert reader.txRxPacket() == scservo_sdk.COMM_SUCCESS


def test_counters_tell_silence_from_damage(simulated: SimulatedBus, bus: ServoBus) -> None:
    bus.port.answer_timeout_s = 0.03
    simulated.faults.add(Fault(FaultKind.CORRUPT_CHECKSUM, servo_id=2, count=2))
    simulated.faults.add(Fault(FaultKind.DROP, servo_id=5, count=1))
    simulated.servos[6].health.forced = 0x01
    found = bus.sync_read(IDS, Register.PRESENT_POSITION, 2)
    assert not found.missing
    bus.sync_write(Register.GOAL_POSITION, {1: 100})
    bus.write(1, Register.GOAL_POSITION, 100)
    counters = bus.counters
    assert (counters[1].reads, counters[1].writes, counters[1].retries) == (1, 2, 0)
    assert (counters[2].reads, counters[2].checksum_errors, counters[2].retries) == (1, 2, 2)
    assert (counters[5].reads, counters[5].timeouts, counters[5].checksum_errors) == (1, 1, 0)
    assert (counters[6].flagged, counters[6].error) == (1, 1)
    assert all(one.failures == 0 for one in counters.values())


def test_retries_are_bounded(simulated: SimulatedBus, bus: ServoBus) -> None:
    bus.port.answer_timeout_s = 0.01
    simulated.faults.add(Fault(FaultKind.SILENT, servo_id=3))
    bus.ping(3, retries=4)
    assert (bus.counters[3].retries, bus.counters[3].timeouts) == (4, 5)
    assert bus.counters[3].failures == 1
