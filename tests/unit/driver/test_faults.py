"""Faults of the simulated bus: by object, by text, in time; what servos do in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from so101_driver.arm.calibration import Calibration
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.packets import Instruction, frame
from so101_driver.bus.registers import Fault as ErrorBit
from so101_driver.bus.registers import Register
from so101_driver.common.errors import ConfigError, LinkError, ProtocolError
from so101_driver.simulator import fault_spec
from so101_driver.simulator.bus import SimulatedBus, servo_setups
from so101_driver.simulator.fault_spec import Order
from so101_driver.simulator.faults import Fault, FaultKind
from so101_driver.simulator.servo import ServoSetup, SimulatedServo
from so101_driver.simulator.world import SimulatorConfig, World
from tests.conftest import wait_until

IDS = {'follower': {'shoulder_pan': 1, 'gripper': 6}, 'leader': {'gripper': 9}}
S = 1_000_000_000


def test_text_becomes_faults() -> None:
    text = json.dumps(
        [
            {'kind': 'drop', 'servo': 'gripper', 'instruction': 'sync_read', 'rate': 0.01},
            {'kind': 'voltage', 'bus': 'leader', 'servo': 9, 'value': 3.5, 'at_s': 2, 'for_s': 1},
            {'kind': 'corrupt', 'count': 3},
            {'kind': 'clear', 'bus': 'leader'},
        ]
    )
    drop, voltage, corrupt, clear = fault_spec.parse(text, IDS)
    assert drop.fault == Fault(FaultKind.DROP, 6, None, 0.01, instruction=Instruction.SYNC_READ)
    assert voltage == Order(
        'leader', Fault(FaultKind.VOLTAGE, 9, None, at_s=2.0, for_s=1.0, value=3.5)
    )
    assert corrupt.fault == Fault(FaultKind.CORRUPT_CHECKSUM, count=3)
    assert clear == Order('leader', None)
    assert fault_spec.parse(' ', IDS) == []


def test_every_mistake_in_the_text_is_named() -> None:
    with pytest.raises(ConfigError, match='not JSON'):
        fault_spec.parse('{', IDS)
    wrong = [
        {'kind': 'explode'},
        {'kind': 'drop', 'servo': 'elbow', 'rate': -1, 'instruction': 'jump', 'colour': 1},
        {'kind': 'drop', 'bus': 'middle'},
        3,
    ]
    with pytest.raises(ConfigError) as caught:
        fault_spec.parse(json.dumps(wrong), IDS)
    text = '\n'.join(caught.value.problems)
    for part in ('"explode"', '"elbow"', 'rate -1', '"jump"', '"colour"', '"middle"', '3 is not'):
        assert part in text


@pytest.mark.parametrize('kind', [FaultKind.DUPLICATE, FaultKind.GARBAGE_AFTER, FaultKind.DELAY])
def test_harmless_faults_of_answers(
    simulated: SimulatedBus, bus: ServoBus, kind: FaultKind
) -> None:
    simulated.faults.add(Fault(kind, servo_id=3, count=1, delay_s=0.003))
    assert bus.read(3, Register.ID) == 3
    for servo_id in range(1, 7):
        assert bus.read(servo_id, Register.ID) == servo_id
    assert simulated.faults.injected == 1


def test_a_deaf_servo_does_not_obey_and_the_write_is_repeated(
    simulated: SimulatedBus, bus: ServoBus
) -> None:
    bus.port.answer_timeout_s = 0.02
    simulated.faults.add(Fault(FaultKind.DEAF, 2, count=1, instruction=Instruction.WRITE))
    assert bus.read(2, Register.ID) == 2
    bus.write(2, Register.GOAL_POSITION, 1234)
    assert simulated.servos[2].get(Register.GOAL_POSITION) == 1234
    assert bus.counters[2].retries == 1


def test_flags_follow_supply_and_heat_for_as_long_as_they_last(
    simulated: SimulatedBus, bus: ServoBus
) -> None:
    simulated.inject(Fault(FaultKind.VOLTAGE, 2, value=12.4))
    simulated.inject(Fault(FaultKind.HEAT, 3, value=71.0))
    simulated.inject(Fault(FaultKind.CURRENT, 4))
    wait_until(lambda: bus.ping(2) == ErrorBit.VOLTAGE.value)
    assert bus.read(2, Register.PRESENT_VOLTAGE) == 124
    assert bus.ping(3) == ErrorBit.TEMPERATURE.value
    assert bus.read(3, Register.PRESENT_TEMPERATURE) == 71
    assert bus.ping(4) == ErrorBit.CURRENT.value
    simulated.clear_faults()
    wait_until(lambda: not any(bus.ping(i) for i in range(1, 7)))


def test_scheduled_unplug_comes_and_goes(simulated: SimulatedBus, bus: ServoBus) -> None:
    simulated.inject(Fault(FaultKind.UNPLUG, at_s=0.02, for_s=0.1))

    def is_gone() -> bool:
        try:
            bus.ping(1)
        except LinkError:
            return True
        return False

    wait_until(is_gone)
    bus.close()

    def is_back() -> bool:
        try:
            bus.open()
        except LinkError:
            return False
        return True

    wait_until(is_back)
    assert bus.ping(1) == 0


def test_power_cycle_silences_and_resets(simulated: SimulatedBus, bus: ServoBus) -> None:
    bus.port.answer_timeout_s = 0.02
    bus.write(1, Register.TORQUE_ENABLE, 1)
    simulated.inject(Fault(FaultKind.POWER_CYCLE, for_s=0.2))
    wait_until(lambda: bus.ping(1, retries=0) is None)
    wait_until(lambda: bus.ping(1, retries=0) == 0)
    assert bus.read(1, Register.TORQUE_ENABLE) == 0


def test_stuck_eeprom_forgets(simulated: SimulatedBus, bus: ServoBus) -> None:
    simulated.inject(Fault(FaultKind.EEPROM_LOCK, 1))
    wait_until(lambda: simulated.servos[1].eeprom_is_stuck)
    bus.write(1, Register.LOCK, 0)
    assert bus.read(1, Register.LOCK) == 1
    bus.write(1, Register.P_COEFFICIENT, 7)
    assert bus.read(1, Register.P_COEFFICIENT) == 7
    simulated.power_cycle()
    assert bus.read(1, Register.P_COEFFICIENT) == 32


def overloaded(latch: str) -> tuple[SimulatedServo, int]:
    """Return a servo that has pushed against a stop until it tripped, and when that was."""
    setup = ServoSetup(1, start=2048, stop_high=2060, overload_latch=latch)
    servo = SimulatedServo(setup, 0)
    write(servo, Register.TORQUE_ENABLE, 1, 0)
    write(servo, Register.GOAL_POSITION, 3000, 0)
    for tenth in range(1, 20):
        servo.advance(tenth * S // 10)
        assert not servo.error
    servo.advance(3 * S)
    assert servo.error == ErrorBit.OVERLOAD.value
    servo.advance(4 * S)
    return servo, 4 * S


def write(servo: SimulatedServo, register: Register, value: int, now_ns: int) -> None:
    servo.write(register.address, value.to_bytes(register.size, 'little'), now_ns)


@pytest.mark.parametrize('latch', ['torque', 'power'])
def test_overload_limits_the_push_and_stays_until_it_is_cleared(latch: str) -> None:
    servo, now_ns = overloaded(latch)
    assert servo.get(Register.PRESENT_LOAD) <= 200
    write(servo, Register.GOAL_POSITION, 2060, now_ns)
    servo.advance(now_ns + S)
    assert servo.error
    write(servo, Register.TORQUE_ENABLE, 0, now_ns + S)
    write(servo, Register.TORQUE_ENABLE, 1, now_ns + S)
    servo.advance(now_ns + 2 * S)
    assert bool(servo.error) == (latch == 'power')
    servo.power_up(now_ns + 3 * S)
    assert not servo.error


def test_strict_mode_notices_a_host_that_talks_into_an_answer(
    tmp_path: Path, follower_calibration: Calibration
) -> None:
    setups = servo_setups(follower_calibration, [0.0] * 6)
    simulated = SimulatedBus(tmp_path / 'arm', setups, paced=True, strict=True)
    with pytest.raises(ProtocolError, match='while an answer was still to come'), simulated:
        bus = ServoBus(str(simulated.line.link))
        bus.open()
        assert bus.ping(1) == 0
        simulated.check()
        bus.port.writePort(frame(1, Instruction.PING) + frame(2, Instruction.PING))
        wait_until(lambda: simulated.requests == 3)
        bus.close()


def test_writes_nobody_acknowledges_take_their_time_on_a_paced_wire(
    tmp_path: Path, follower_calibration: Calibration
) -> None:
    setups = servo_setups(follower_calibration, [0.0] * 6)
    with SimulatedBus(tmp_path / 'arm', setups, paced=True, turnaround_s=0.0) as simulated:
        bus = ServoBus(str(simulated.line.link))
        bus.open()
        bus.ping(1)
        start_s = simulated._line_free_s
        for _ in range(50):
            bus.sync_write(Register.GOAL_POSITION, dict.fromkeys(range(1, 7), 2000))
        wait_until(lambda: simulated.requests == 51)
        assert simulated._line_free_s - start_s >= 50 * 26e-5
        bus.close()


def test_world_takes_faults_as_parameter_and_while_it_runs(tmp_path: Path) -> None:
    world = World(
        SimulatorConfig(
            follower_port=str(tmp_path / 'follower'),
            leader_port=str(tmp_path / 'leader'),
            faults='{"kind": "voltage", "servo": "gripper", "value": 3.0}',
        )
    )
    world.start()
    try:
        wait_until(lambda: world.follower.servos[6].health.supply_v == 3.0)
        assert world.inject('{"kind": "heat", "bus": "leader", "servo": 2}') == 1
        wait_until(lambda: world.leader.servos[2].health.temperature_c > 70)
        with pytest.raises(ConfigError):
            world.inject('{"kind": "heat", "servo": "nose"}')
        world.inject('{"kind": "clear"}')
        wait_until(lambda: world.follower.servos[6].health.supply_v == 5.0)
    finally:
        world.close()
