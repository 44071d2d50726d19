"""The servo bus over a real pseudo-terminal, with damaged, lost and silent answers."""

import pytest

from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import Register, decode
from so101_driver.common.errors import LinkError, ServoError
from so101_driver.simulator.bus import SimulatedBus
from so101_driver.simulator.faults import Fault, FaultKind

IDS = [1, 2, 3, 4, 5, 6]


def positions(bus: ServoBus) -> dict[int, int]:
    found = bus.sync_read(IDS, Register.PRESENT_POSITION, 2)
    assert not found.missing
    return {i: decode(Register.PRESENT_POSITION, s.data) for i, s in found.replies.items()}


def test_reads_writes_and_pings(simulated: SimulatedBus, bus: ServoBus) -> None:
    assert bus.ping(3) == 0
    assert bus.read(3, Register.MODEL_NUMBER) == 777
    assert bus.write(2, Register.GOAL_POSITION, 1234) == 0
    assert simulated.servos[2].get(Register.GOAL_POSITION) == 1234
    bus.sync_write(Register.GOAL_POSITION, {1: 1000, 6: 3000})
    assert bus.read(6, Register.GOAL_POSITION) == 3000
    assert bus.read(4, Register.HOMING_OFFSET) == -1093
    assert set(positions(bus)) == set(IDS)


@pytest.mark.parametrize(
    'kind',
    [
        FaultKind.DROP,
        FaultKind.CORRUPT_CHECKSUM,
        FaultKind.CORRUPT_LENGTH,
        FaultKind.GARBAGE_BEFORE,
        FaultKind.WRONG_ID,
    ],
)
def test_one_bad_answer_has_no_effect_but_counters(
    simulated: SimulatedBus, bus: ServoBus, kind: FaultKind
) -> None:
    simulated.strict = True
    before = positions(bus)
    simulated.faults.add(Fault(kind, servo_id=3, count=1))
    assert positions(bus) == before
    assert simulated.faults.injected == 1
    assert bus.counters[3].failures == 0
    # Nothing stale is left over for the next request.
    assert bus.read(4, Register.MODEL_NUMBER) == 777
    simulated.check()


def test_many_bad_answers(simulated: SimulatedBus, bus: ServoBus) -> None:
    bus.port.answer_timeout_s = 0.05
    before = positions(bus)
    simulated.faults.add(Fault(FaultKind.CORRUPT_CHECKSUM, count=None, rate=0.02))
    for _ in range(100):
        found = bus.sync_read(IDS, Register.PRESENT_POSITION, 2, retries=4)
        for servo_id, status in found.replies.items():
            assert decode(Register.PRESENT_POSITION, status.data) == before[servo_id]
        assert not found.missing
    assert sum(counters.retries for counters in bus.counters.values()) > 0


def test_silent_servo_keeps_the_others(simulated: SimulatedBus, bus: ServoBus) -> None:
    bus.port.answer_timeout_s = 0.05
    simulated.faults.add(Fault(FaultKind.SILENT, servo_id=4))
    found = bus.sync_read(IDS, Register.PRESENT_POSITION, 2, retries=1)
    assert found.missing == (4,)
    assert sorted(found.replies) == [1, 2, 3, 5, 6]
    assert bus.counters[4].failures == 1
    assert bus.ping(4, retries=0) is None
    with pytest.raises(ServoError, match='servo 4 did not answer'):
        bus.read(4, Register.MODEL_NUMBER, retries=0)


def test_error_bits_come_with_the_data(simulated: SimulatedBus, bus: ServoBus) -> None:
    simulated.servos[6].health.forced = 0x20
    found = bus.sync_read(IDS, Register.PRESENT_POSITION, 2)
    assert found.replies[6].error == 0x20
    assert bus.counters[6].error == 0x20
    assert bus.write(6, Register.TORQUE_ENABLE, 0) == 0x20


def test_port_is_exclusive_and_unplug_is_a_link_error(
    simulated: SimulatedBus, bus: ServoBus
) -> None:
    second = ServoBus(str(simulated.line.link))
    with pytest.raises(LinkError, match='in use by another process'):
        second.open()
    simulated.stop()
    with pytest.raises(LinkError):
        bus.ping(1)
    assert not bus.port.is_using
    bus.close()
    with pytest.raises(LinkError, match='no such device'):
        bus.open()
    simulated.start()
    bus.open()
    assert bus.ping(1) == 0


def test_closed_port_says_so(bus: ServoBus) -> None:
    bus.close()
    with pytest.raises(LinkError, match='not open'):
        bus.sync_write(Register.GOAL_POSITION, {1: 1})


def test_paced_line(simulated: SimulatedBus, bus: ServoBus) -> None:
    simulated._byte_time_s = 1e-5
    assert set(positions(bus)) == set(IDS)
