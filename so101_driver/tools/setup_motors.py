"""`ros2 run recorder setup_motors`: give the servos of an arm their ids, one at a time.

LeRobot's order, from the gripper (6) to shoulder_pan (1). What is done already is recognised, so
that an interrupted run is simply started again.
"""

from __future__ import annotations

import argparse
import contextlib
import sys

from so101_driver.arm.arm_setup import FOLLOWER, LEADER, write_verified
from so101_driver.arm.joints import JOINTS
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import BAUDRATES, STS3215_MODEL, Register
from so101_driver.bus.serial_port import DEFAULT_BAUDRATE
from so101_driver.common.errors import LinkError, ServoError
from so101_driver.tools.command import Command, without_ros
from so101_driver.tools.scan import Found, opened, scan
from so101_driver.tools.terminal import Terminal

_IDS = {joint: number for number, joint in enumerate(JOINTS, 1)}
_LEADER_GEARS = {
    'shoulder_pan': 'C044, 1/191',
    'shoulder_lift': 'C001, 1/345',
    'elbow_flex': 'C044, 1/191',
    'wrist_flex': 'C046, 1/147',
    'wrist_roll': 'C046, 1/147',
    'gripper': 'C046, 1/147',
}
_ATTEMPTS = 3
_PING_RETRIES = 5


def assign(port_name: str, found: Found, servo_id: int) -> None:
    """Give one servo, alone on its bus, an id and 1 Mbps; stored, read back, locked again.

    Raises:
        ServoError: when it does not take a value.
        LinkError: when the port is gone.
    """
    name = f'servo {found.id}'
    with opened(port_name, found.baudrate) as bus:
        bus.write(found.id, Register.TORQUE_ENABLE, 0)
        write_verified(bus, found.id, name, Register.LOCK, 0)
        for _ in range(_ATTEMPTS):
            _write_blindly(bus, found.id, Register.ID, servo_id)
            if bus.ping(servo_id, _PING_RETRIES) is not None:
                break
        else:
            raise ServoError(f'{name} does not take the id {servo_id}; try again')
        if found.baudrate != DEFAULT_BAUDRATE:
            _write_blindly(bus, servo_id, Register.BAUD_RATE, 0)
    with opened(port_name) as bus:
        if bus.ping(servo_id, _PING_RETRIES) is None:
            raise ServoError(f'servo {servo_id} does not take {DEFAULT_BAUDRATE} bps; try again')
        write_verified(bus, servo_id, f'servo {servo_id}', Register.LOCK, 1)
        for register, value in ((Register.ID, servo_id), (Register.BAUD_RATE, 0)):
            if (stored := bus.read(servo_id, register)) != value:
                raise ServoError(f'servo {servo_id}: {register.name} is {stored}, not {value}')


def _write_blindly(bus: ServoBus, servo_id: int, register: Register, value: int) -> None:
    """Write what changes how a servo is reached, which may cost the acknowledgement."""
    with contextlib.suppress(ServoError):
        bus.write(servo_id, register, value, 0)


class MotorSetup:
    """The dialogue.

    Args:
        command: Told what state the servos are in.
        terminal: Asked and told.
        port_name: Device path.
        role: `follower` or `leader`: which motor belongs where.
    """

    def __init__(self, command: Command, terminal: Terminal, port_name: str, role: str) -> None:
        self._command = command
        self._terminal = terminal
        self._port_name = port_name
        self._role = role
        self._done: dict[int, str] = {}

    def run(self) -> None:
        """Number every motor, then look at the whole chain.

        Raises:
            DriverError: with cause and cure.
        """
        say = self._terminal.say
        if not _chain_problems(scan(self._port_name)):
            say('all six servos answer under their ids at 1 Mbps: nothing to do')
            return
        for joint in reversed(JOINTS):
            self._number(joint)
        while True:
            self._terminal.ask('connect the whole chain, board to 1 to ... to 6, and press ENTER:')
            problems = _chain_problems(scan(self._port_name))
            if not problems:
                break
            say('\n'.join(problems))
        say('done: all six servos answer under their ids; calibrate comes next')

    def _number(self, joint: str) -> None:
        servo_id = _IDS[joint]
        motor = f' (motor {_LEADER_GEARS[joint]})' if self._role == LEADER else ''
        question = (
            f'connect only the servo of {joint}{motor} to the board and press ENTER '
            '(s = skip, it was done before):'
        )
        while True:
            if self._terminal.choose(question, ('', 's')) == 's':
                return
            try:
                found = self._only_one()
                self._terminal.say(f'found {found}')
                if not self._may_become(found, joint):
                    continue
                with self._command.finishing(
                    f'the servo of {joint} may be half done: start again with it alone on the bus'
                ):
                    assign(self._port_name, found, servo_id)
                    self._command.situation = (
                        f'done down to {joint}; start again and skip what was done'
                    )
            except (ServoError, LinkError) as error:
                self._terminal.say(str(error))
                continue
            self._done[servo_id] = joint
            self._terminal.say(f'{joint} has id {servo_id}')
            return

    def _only_one(self) -> Found:
        """Return the servo that answers, at whatever speed.

        Raises:
            ServoError: when there is none, several, or no STS3215.
        """
        for baudrate in BAUDRATES:
            found = scan(self._port_name, (baudrate,))
            if len(found) == 1 and not found[0].is_shared:
                if found[0].model != STS3215_MODEL:
                    raise ServoError(
                        f'{found[0]}: not an STS3215 ({STS3215_MODEL}), it is left alone'
                    )
                return found[0]
            if found:
                listed = '\n  '.join(str(servo) for servo in found)
                raise ServoError(f'more than one servo is connected:\n  {listed}')
        raise ServoError('no servo answers at any speed: check the supply and the 3-pin cable')

    def _may_become(self, found: Found, joint: str) -> bool:
        """Keep a servo that was numbered before from being numbered again by mistake."""
        target, other = _IDS[joint], self._done.get(found.id)
        if other and found.id != target:
            self._terminal.say(f'that is {other}, which is done: connect the one of {joint}')
            return False
        if found.id in (1, target):
            return True
        question = f'it has id {found.id} already; is it the servo of {joint}? y = yes, n = no:'
        return self._terminal.choose(question, ('y', 'n')) == 'y'


def _chain_problems(found: list[Found]) -> list[str]:
    """Return what keeps a whole chain from being an arm."""
    by_id = {servo.id: servo for servo in found}
    problems = [f'{joint} (id {i}) does not answer' for joint, i in _IDS.items() if i not in by_id]
    problems += [str(servo) for servo in found if servo.is_shared]
    problems += [
        f'{servo}: not an STS3215'
        for servo in found
        if not servo.is_shared and servo.model != STS3215_MODEL
    ]
    return problems


def main(args: list[str] | None = None) -> int:
    """Number the servos of an arm; return the exit code."""
    parser = argparse.ArgumentParser(
        prog='setup_motors',
        description='Give the servos of an arm their ids (1 to 6) and 1 Mbps, one at a time.',
    )
    parser.add_argument('--port', required=True, help='serial port, see find_port')
    parser.add_argument('--role', default=FOLLOWER, choices=(FOLLOWER, LEADER))
    options = parser.parse_args(without_ros(args))
    command = Command('no servo was changed')

    def body() -> int:
        MotorSetup(command, Terminal(), options.port, options.role).run()
        return 0

    return command.run(body)


if __name__ == '__main__':
    sys.exit(main())
