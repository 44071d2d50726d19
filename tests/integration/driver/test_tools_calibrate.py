"""`calibrate` as a user sees it: from prompt to prompt, and cut at every step."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import scservo_sdk

from so101_driver.arm import calibration
from so101_driver.arm.arm import ArmOptions, So101Arm
from so101_driver.arm.joints import JOINTS
from so101_driver.arm.units import DEGREES, rad_to_units, ticks_to_rad
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import PHASE_MULTI_TURN, Register
from so101_driver.simulator.faults import Fault, FaultKind
from tests.conftest import wait_until
from tests.integration.driver.tool_rig import (
    EEPROM,
    OLD_OFFSETS,
    RANGES,
    Hand,
    Tool,
    at_write,
    eeprom,
    kill,
    simulated_arm,
)

SIM = Path(__file__).parents[3] / 'config' / 'sim'
OLD = {j: (offset, 5, 4000) for j, offset in zip(JOINTS, OLD_OFFSETS, strict=True)}
CALIBRATION_REGISTERS = [register.address for register in EEPROM]


class Bench:
    """A simulated arm, its calibration file, and the tool."""

    def __init__(self, folder: Path, hand: Hand, powered: bool = False) -> None:
        self.hand = hand
        self.bus = simulated_arm(folder / 'arm', hand, powered)
        self.file = folder / 'robots' / 'so_follower' / 'blue.json'
        self.pending = self.file.with_name('blue.json.pending')
        self.tools: list[Tool] = []
        self.bus.start()

    def start(self) -> Tool:
        port = str(self.bus.line.link)
        tool = Tool('calibrate', '--role', 'follower', '--id', 'blue', '--port', port)
        self.tools.append(tool)
        return tool

    def save_old(self) -> str:
        calibration.save(calibration.load(SIM / 'follower.json'), self.file)
        return self.file.read_text()

    def sweep(self, tool: Tool) -> None:
        tool.expect('middle of its range')
        tool.type()
        tool.expect('both of its ends')
        self.hand.moves = True
        wait_until(lambda: self.hand.has_arrived, what='the sweep')
        tool.expect('gripper')
        tool.expect('gripper')  # the table that follows has seen the last position
        tool.type()

    def stored(self) -> dict[str, tuple[int, ...]]:
        entries = calibration.load(self.file)
        return {j: (e.homing_offset, e.range_min, e.range_max) for j, e in entries.joints.items()}

    def close(self) -> None:
        for tool in self.tools:
            tool.close()
        self.bus.close()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bench]]:
    monkeypatch.setenv('HF_LEROBOT_CALIBRATION', str(tmp_path))
    benches: list[Bench] = []

    def build(hand: Hand | None = None, powered: bool = False) -> Bench:
        benches.append(Bench(tmp_path, hand or Hand(), powered))
        return benches[-1]

    yield build
    for bench in benches:
        bench.close()


def test_from_a_new_arm_to_one_that_can_be_driven(make: Callable[..., Bench]) -> None:
    bench = make()
    for servo in bench.bus.servos.values():
        servo.set(Register.PHASE, servo.get(Register.PHASE) | PHASE_MULTI_TURN)
    tool = bench.start()
    bench.sweep(tool)
    tool.expect('done: ')
    assert tool.end() == 0
    assert 'warning: gripper' not in tool.output
    assert eeprom(bench.bus) == bench.stored()
    assert not bench.pending.exists()
    assert not any(s.get(Register.PHASE) & PHASE_MULTI_TURN for s in bench.bus.servos.values())
    found = calibration.load(bench.file)
    for joint, servo, (low, high) in zip(JOINTS, bench.bus.servos.values(), RANGES, strict=True):
        encoder = servo.joint.position
        ticks = servo.get(Register.PRESENT_POSITION)
        entry = found[joint]
        assert entry.range_min <= ticks <= entry.range_max
        assert ticks - entry.middle_ticks == encoder - (low + high) / 2
        if joint != 'gripper':
            degrees = rad_to_units(ticks_to_rad(ticks, joint, found), joint, DEGREES)
            assert degrees == pytest.approx((encoder - (low + high) / 2) * 360 / 4095)
    bench.hand.moves = False
    arm = So101Arm(ServoBus(str(bench.bus.line.link)), found, ArmOptions())
    arm.connect()
    arm.enable()
    assert not arm.read().alarms
    arm.close()


def test_the_file_is_written_into_the_servos(make: Callable[..., Bench]) -> None:
    bench = make(powered=True)
    old = bench.save_old()
    tool = bench.start()
    tool.expect('calibrate anew:')
    tool.type()
    tool.expect('goes limp')
    tool.type()
    assert tool.end() == 0
    assert bench.file.read_text() == old
    assert eeprom(bench.bus) == bench.stored()


def test_killed_while_the_file_goes_into_the_servos(make: Callable[..., Bench]) -> None:
    bench = make()
    old = bench.save_old()
    tool = bench.start()
    tool.expect('anew:')
    at_write(bench.bus, CALIBRATION_REGISTERS, 7, lambda: kill(tool))
    tool.type()
    assert tool.end() == -9
    assert eeprom(bench.bus) not in (OLD, bench.stored())
    again = bench.start()
    again.expect('anew:')
    again.type()
    assert again.end() == 0
    assert bench.file.read_text() == old
    assert eeprom(bench.bus) == bench.stored()


def test_a_joint_that_was_not_moved_is_named_and_can_be(make: Callable[..., Bench]) -> None:
    bench = make()
    tool = bench.start()
    tool.expect('middle of its range')
    tool.type()
    tool.expect('both of its ends')
    tool.expect('gripper')
    tool.type()
    # wrist_roll alone needs no sweep.
    tool.expect('hardly moved: shoulder_pan, shoulder_lift, elbow_flex, wrist_flex, gripper;')
    bench.hand.moves = True
    wait_until(lambda: bench.hand.has_arrived)
    tool.expect('gripper')
    tool.expect('gripper')
    tool.type()
    assert tool.end() == 0
    assert eeprom(bench.bus) == bench.stored()


def test_a_wrist_roll_left_alone_may_turn_all_the_way(make: Callable[..., Bench]) -> None:
    still = [*RANGES[:4], (2174, 2174), RANGES[5]]
    bench = make(Hand(still))
    tool = bench.start()
    bench.sweep(tool)
    assert tool.end() == 0
    assert 'wrist_roll: the whole turn' in tool.output
    assert eeprom(bench.bus)['wrist_roll'] == (2174 - 2047, 0, 4095)


def reach(tool: Tool, prompt: str) -> None:
    """Answer as far as a prompt."""
    steps = {'anew:': 'c', 'goes limp': '', 'middle of its': '', 'both of its': ''}
    for step, answer in steps.items():
        tool.expect(step)
        if step == prompt:
            return
        tool.type(answer)


@pytest.mark.parametrize(
    ('number', 'code'),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)],
)
@pytest.mark.parametrize('prompt', ['anew:', 'goes limp', 'middle of its', 'both of its'])
def test_cut_before_writing_nothing_has_changed(
    make: Callable[..., Bench], prompt: str, number: int, code: int
) -> None:
    bench = make(powered=True)
    old = bench.save_old()
    tool = bench.start()
    reach(tool, prompt)
    assert tool.end(number) == code
    assert bench.file.read_text() == old
    assert not bench.pending.exists()
    assert eeprom(bench.bus) == OLD
    if number != signal.SIGKILL:
        assert 'interrupted' in tool.output
        assert 'are as before' in tool.output
        assert ('the arm is limp' in tool.output) == (prompt in ('middle of its', 'both of its'))


def finish(bench: Bench) -> None:
    """Call the tool again: it finishes what was cut."""
    intended = json.loads(bench.pending.read_text())
    tool = bench.start()
    tool.expect('was not finished')
    tool.expect('calibrate anew')
    tool.type()
    assert tool.end() == 0
    assert json.loads(bench.file.read_text()) == intended
    assert not bench.pending.exists()
    assert eeprom(bench.bus) == bench.stored()


@pytest.mark.parametrize('writes', [0, 1, 8, 17])
def test_killed_while_writing_the_next_call_finishes(
    make: Callable[..., Bench], writes: int
) -> None:
    bench = make()
    old = bench.save_old()
    tool = bench.start()
    tool.expect('anew:')
    tool.type('c')
    at_write(bench.bus, CALIBRATION_REGISTERS, writes, lambda: kill(tool))
    bench.sweep(tool)
    assert tool.end() == -9
    assert bench.file.read_text() == old
    finish(bench)


@pytest.mark.parametrize('fault', [FaultKind.UNPLUG, FaultKind.SILENT, FaultKind.EEPROM_LOCK])
def test_an_arm_that_fails_while_it_is_written(
    make: Callable[..., Bench], fault: FaultKind
) -> None:
    bench = make()
    tool = bench.start()
    broken = Fault(fault, servo_id=None if fault is FaultKind.UNPLUG else 4, count=None, for_s=600)
    at_write(bench.bus, CALIBRATION_REGISTERS, 4, lambda: bench.bus.inject(broken))
    bench.sweep(tool)
    assert tool.end() == 1
    assert 'it offers to finish' in tool.output
    assert not bench.file.exists()
    bench.bus.clear_faults()
    wait_until(lambda: not bench.bus._active)
    finish(bench)


def test_ctrl_c_while_writing_waits_until_all_is_written(make: Callable[..., Bench]) -> None:
    bench = make()
    tool = bench.start()
    at_write(bench.bus, CALIBRATION_REGISTERS, 2, lambda: tool.process.send_signal(signal.SIGINT))
    bench.sweep(tool)
    assert tool.end() == 130
    assert 'and the servos are calibrated' in tool.output
    assert not bench.pending.exists()
    assert eeprom(bench.bus) == bench.stored()


def test_what_was_cut_can_be_taken_back(make: Callable[..., Bench]) -> None:
    bench = make()
    old = bench.save_old()
    calibration.save(calibration.load(SIM / 'leader.json'), bench.pending)
    cut = bench.start()
    cut.expect('f = write the values of blue.json')
    assert cut.end(signal.SIGINT) == 130
    assert 'blue.json.pending still waits to be finished' in cut.output
    assert bench.pending.exists()
    tool = bench.start()
    tool.expect('f = write the values of blue.json')
    tool.type('f')
    assert tool.end() == 0
    assert bench.file.read_text() == old
    assert not bench.pending.exists()
    assert eeprom(bench.bus) == bench.stored()


def test_a_servo_that_restarts_in_the_sweep_is_noticed(make: Callable[..., Bench]) -> None:
    """Its offset was never stored: positions read before and after mean different angles."""
    bench = make()
    for servo in bench.bus.servos.values():
        servo.set(Register.HOMING_OFFSET, servo.get(Register.HOMING_OFFSET) // 2)
    tool = bench.start()
    tool.expect('middle of its range')
    tool.type()
    tool.expect('both of its ends')
    bench.hand.moves = True
    wait_until(lambda: bench.hand.has_arrived)
    bench.bus.power_cycle()
    tool.expect('gripper')
    tool.type()
    assert tool.end() == 1
    assert 'jumped by' in tool.output or 'homing offset changed' in tool.output
    assert 'are as before' in tool.output
    assert not bench.file.exists()


@pytest.mark.parametrize(
    ('fault', 'text'),
    [
        (FaultKind.SILENT, 'no answer from wrist_roll: check power and the 3-pin cable'),
        (FaultKind.UNPLUG, 'the device is gone'),
    ],
)
def test_a_cable_that_comes_off_in_the_sweep(
    make: Callable[..., Bench], fault: FaultKind, text: str
) -> None:
    bench = make()
    tool = bench.start()
    tool.expect('middle of its range')
    tool.type()
    tool.expect('both of its ends')
    servo_id = 5 if fault is FaultKind.SILENT else None
    bench.bus.inject(Fault(fault, servo_id, count=None, for_s=600))
    assert tool.end() == 1
    assert text in tool.output
    assert 'the arm is limp; the calibration in the servos' in tool.output
    assert not bench.pending.exists()
    assert eeprom(bench.bus) == OLD


def test_nobody_there_to_answer(make: Callable[..., Bench]) -> None:
    bench = make()
    result = subprocess.run(
        [sys.executable, '-m', 'so101_driver.tools.calibrate', '--role', 'leader', '--id', 'x',
         '--port', str(bench.bus.line.link), '--ros-args', '-r', '__node:=x'],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert 'the input has ended' in result.stderr
    assert eeprom(bench.bus) == OLD


_LEROBOT = """
import json, sys
try:
    from lerobot.robots.so_follower import SO101Follower, SO101FollowerConfig
except ImportError:
    from lerobot.robots.so101_follower import SO101Follower, SO101FollowerConfig
robot = SO101Follower(SO101FollowerConfig(port=sys.argv[1], id='blue', use_degrees=True))
robot.connect(calibrate=False)
print(json.dumps([robot.is_calibrated, robot.get_observation()]))
robot.disconnect()
"""


@pytest.mark.parametrize('variable', ['LEROBOT_PYTHON', 'LEROBOT_V21_PYTHON'])
def test_lerobot_takes_the_arm(make: Callable[..., Bench], tmp_path: Path, variable: str) -> None:
    """The real lerobot finds the file, calls the arm calibrated, and reads the true degrees."""
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f'{variable} is not set')
    bench = make()
    tool = bench.start()
    bench.sweep(tool)
    assert tool.end() == 0
    bench.hand.moves = False
    old = tmp_path / 'robots' / 'so101_follower' / 'blue.json'  # where lerobot up to 0.4.2 looks
    calibration.save(calibration.load(bench.file), old)
    sdk = tmp_path / 'sdk'  # which few environments for training have
    sdk.mkdir()
    site = Path(scservo_sdk.__file__).parents[1]
    facts = [path.name for name in ('feetech', 'pyserial') for path in site.glob(f'{name}*-info')]
    for part in ('scservo_sdk', 'serial', *facts):
        (sdk / part).symlink_to(site / part)
    result = subprocess.run(
        [python, '-c', _LEROBOT, str(bench.bus.line.link)],
        env={**os.environ, 'PYTHONPATH': str(sdk)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if 'required but not installed' in result.stderr:
        pytest.skip(result.stderr.splitlines()[-1])
    assert result.returncode == 0, result.stderr
    is_calibrated, seen = json.loads(result.stdout.splitlines()[-1])
    assert is_calibrated
    for joint, servo, (low, high) in zip(JOINTS, bench.bus.servos.values(), RANGES, strict=True):
        degrees = (servo.joint.position - (low + high) / 2) * 360 / 4095
        wanted = 0.0 if joint == 'gripper' else degrees  # per cent, and it was closed last
        assert seen[f'{joint}.pos'] == pytest.approx(wanted, abs=0.001)
