"""`setup_motors` and `find_port` as a user sees them, on servos as they come from the factory."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from so101_driver.arm.joints import JOINTS
from so101_driver.bus.packets import Instruction
from so101_driver.bus.registers import BAUDRATES, Register
from so101_driver.simulator.bus import SimulatedBus
from so101_driver.simulator.faults import Fault, FaultKind
from so101_driver.simulator.servo import ServoSetup, SimulatedServo
from so101_driver.tools import find_port as find_port_module
from so101_driver.tools.scan import scan
from tests.conftest import REPOSITORY, wait_until
from tests.integration.driver.tool_rig import Tool, at_write, kill


def store(servo: SimulatedServo, register: Register, value: int) -> None:
    """Write as a tool at the factory does."""
    servo.write(Register.LOCK.address, b'\0', time.monotonic_ns())
    servo.write(register.address, bytes([value]), time.monotonic_ns())


class Box:
    """Six new servos, and a board to which some of them are connected."""

    def __init__(self, port: Path) -> None:
        setups = [ServoSetup(n, start=1000 + 300 * n) for n in range(1, 7)]
        self.bus = SimulatedBus(port, setups, matches_speed=True)
        self.servos = dict(zip(JOINTS, self.bus.servos.values(), strict=True))
        for servo in self.servos.values():
            store(servo, Register.ID, 1)
        self.tools: list[Tool] = []
        self.bus.start()

    def connect(self, *joints: str) -> None:
        """Connect these servos only; their own keys, ids change."""
        wait_until(lambda: not self.bus.line.has_input())
        self.bus.servos.clear()
        self.bus.servos.update({n: self.servos[joint] for n, joint in enumerate(joints)})

    def start(self, *arguments: str) -> Tool:
        self.tools.append(Tool('setup_motors', '--port', str(self.bus.line.link), *arguments))
        return self.tools[-1]

    def number(self, tool: Tool, joint: str) -> None:
        tool.expect(f'connect only the servo of {joint}')
        self.connect(joint)
        tool.type()
        tool.expect(f'{joint} has id {JOINTS.index(joint) + 1}')

    def skip(self, tool: Tool, *joints: str) -> None:
        for joint in joints:
            tool.expect(f'connect only the servo of {joint}')
            tool.type('s')

    def complete(self, tool: Tool) -> None:
        tool.expect('connect the whole chain')
        self.connect(*JOINTS)
        tool.type()
        tool.expect('done: all six')
        assert tool.end() == 0
        self.bus.power_cycle()
        for number, servo in enumerate(self.servos.values(), 1):
            assert (servo.id, servo.get(Register.BAUD_RATE)) == (number, 0)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path / 'board')
    yield made
    for tool in made.tools:
        tool.close()
    made.bus.close()


def test_new_servos_become_an_arm(box: Box) -> None:
    store(box.servos['elbow_flex'], Register.BAUD_RATE, 5)  # 76,800: no speed of POSIX or the SDK
    store(box.servos['wrist_roll'], Register.ID, 77)
    tool = box.start('--role', 'leader')
    tool.expect('connect only the servo of gripper (motor C046, 1/147)')
    box.connect('gripper', 'wrist_flex')
    tool.type()
    tool.expect('id 1 at 1000000: several servos answer under this id')
    tool.expect('connect only')
    box.connect('gripper', 'wrist_roll')
    tool.type()
    tool.expect('more than one servo is connected')
    tool.expect('connect only')
    box.connect()
    tool.type()
    tool.expect('no servo answers at any speed')
    box.number(tool, 'gripper')
    tool.expect('connect only the servo of wrist_roll')
    tool.type()
    tool.expect('that is gripper, which is done: connect the one of wrist_roll')
    tool.expect('connect only')
    box.connect('wrist_roll')
    tool.type()
    tool.expect('it has id 77 already; is it the servo of wrist_roll?')
    tool.type('y')
    tool.expect('wrist_roll has id 5')
    box.number(tool, 'wrist_flex')
    box.number(tool, 'elbow_flex')
    assert 'id 1 at 76800: STS3215, firmware 3.10, 5.0 V' in tool.output
    box.servos['shoulder_lift'].set(Register.MODEL_NUMBER, 1284)
    tool.expect('connect only')
    box.connect('shoulder_lift')
    tool.type()
    tool.expect('model 1284, firmware 3.10, 5.0 V: not an STS3215 (777), it is left alone')
    box.servos['shoulder_lift'].set(Register.MODEL_NUMBER, 777)
    box.number(tool, 'shoulder_lift')
    box.number(tool, 'shoulder_pan')
    tool.expect('connect the whole chain')
    box.connect(*JOINTS[:4])
    tool.type()
    tool.expect('wrist_roll (id 5) does not answer')
    tool.expect('gripper (id 6) does not answer')
    box.complete(tool)
    again = box.start()
    again.expect('nothing to do')
    assert again.end() == 0


@pytest.mark.parametrize('register', [Register.LOCK, Register.ID, Register.BAUD_RATE])
def test_killed_at_any_write_it_goes_on(box: Box, register: Register) -> None:
    """The servo can always be found again, and gets what it still lacks."""
    for joint in JOINTS[:5]:
        store(box.servos[joint], Register.ID, JOINTS.index(joint) + 1)
    store(box.servos['gripper'], Register.BAUD_RATE, 1)
    tool = box.start()
    at_write(box.bus, [register.address], 0, lambda: kill(tool))
    tool.expect('connect only the servo of gripper')
    box.connect('gripper')
    tool.type()
    assert tool.end() == -9
    again = box.start()
    box.number(again, 'gripper')
    box.skip(again, *reversed(JOINTS[:5]))
    box.complete(again)


def test_a_locked_servo_keeps_its_id(box: Box) -> None:
    tool = box.start()
    tool.expect('connect only')
    box.connect('gripper')
    box.bus.inject(Fault(FaultKind.EEPROM_LOCK))
    tool.type()
    tool.expect('LOCK stays 1')
    tool.expect('connect only')
    assert box.servos['gripper'].id == 1
    assert tool.end(2) == 130
    assert 'start again' in tool.output


def test_acknowledgements_may_be_lost(box: Box) -> None:
    store(box.servos['gripper'], Register.BAUD_RATE, 1)
    tool = box.start()
    ids = [Register.ID.address, Register.BAUD_RATE.address]
    lost = Fault(FaultKind.DROP, instruction=Instruction.WRITE)
    for skip in (0, 1):
        at_write(box.bus, ids, skip, lambda: box.bus.faults.add(dataclasses.replace(lost)))
    box.number(tool, 'gripper')
    assert box.bus.faults.injected == 2
    assert tool.end(2) == 130


def find_port(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-m', 'so101_driver.tools.find_port', *arguments],
        cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_find_port_names_the_servos(box: Box) -> None:
    for number, servo in enumerate(box.servos.values(), 1):
        store(servo, Register.ID, number)
        servo.health.supply_v = 12.1
    store(box.servos['gripper'], Register.BAUD_RATE, 1)
    port = str(box.bus.line.link)
    found = find_port(port, '--all-bauds', '--list')
    assert found.returncode == 0, found.stderr
    assert 'id 5 at 1000000: STS3215, firmware 3.10, 12.1 V' in found.stdout
    assert 'id 6 at 500000: STS3215' in found.stdout
    assert '12.1 V: a follower' in found.stdout
    assert f'follower_port:={port}' in found.stdout
    servos = json.loads(find_port(port, '--scan', '--json').stdout)[0]['servos']
    assert [servo['id'] for servo in servos] == [1, 2, 3, 4, 5]


def test_find_port_says_what_is_wrong(tmp_path: Path) -> None:
    missing = find_port(str(tmp_path / 'none'))
    assert 'no such device' in missing.stdout
    refused = find_port(str(tmp_path / 'none'), '--udev', 'follower')
    assert refused.returncode == 1
    assert 'not a USB port' in refused.stderr


def test_find_port_leaves_other_ports_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A port of the board may lead to a console or a machine."""
    monkeypatch.setattr(list_ports, 'comports', lambda: [ListPortInfo('/dev/ttyS9')])
    monkeypatch.setattr(find_port_module, 'scan', lambda *_: pytest.fail('opened'))
    assert find_port_module.main(['--scan']) == 1
    said = capsys.readouterr()
    assert '/dev/ttyS9  not USB' in said.out
    assert 'no USB serial port: is the arm plugged in?' in said.err
    assert find_port_module.main(['--udev', 'follower']) == 1


def test_find_port_notices_what_is_unplugged(box: Box, tmp_path: Path) -> None:
    with SimulatedBus(tmp_path / 'other', []) as other:
        port, stays = str(box.bus.line.link), str(other.line.link)
        tool = Tool('find_port', port, stays)
        box.tools.append(tool)
        tool.expect('unplug the USB cable of the arm and press ENTER:')
        box.bus.inject(Fault(FaultKind.UNPLUG, for_s=600))
        wait_until(lambda: not Path(port).exists())
        tool.type()
        tool.expect(f'the arm is on {port}')
        assert tool.end() == 0


@pytest.mark.parametrize('baudrate', BAUDRATES)
def test_a_servo_is_found_at_its_own_speed_only(box: Box, baudrate: int) -> None:
    box.connect('gripper')
    store(box.servos['gripper'], Register.BAUD_RATE, BAUDRATES.index(baudrate))
    others = [rate for rate in BAUDRATES[:2] if rate != baudrate][:1]
    found = scan(str(box.bus.line.link), [*others, baudrate])
    assert [(servo.id, servo.baudrate, servo.is_shared) for servo in found] == [
        (1, baudrate, False)
    ]
