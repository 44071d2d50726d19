"""`ros2 run recorder calibrate`: LeRobot's calibration of an arm, into its servos and its file.

Nothing is written while the joints are swept: positions are taken back to the bare encoder with
the homing offsets that the servos have.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from so101_driver.arm import arm_setup
from so101_driver.arm import calibration as files
from so101_driver.arm.arm_power import ArmPower
from so101_driver.arm.arm_range import RangeWatch
from so101_driver.arm.arm_reading import JointMemory
from so101_driver.arm.arm_setup import Image
from so101_driver.arm.calibration import Calibration, JointCalibration
from so101_driver.arm.joints import JOINTS
from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import PHASE_MULTI_TURN, Register, decode
from so101_driver.common.errors import CalibrationError, ServoError
from so101_driver.tools.calibration_tables import result_table, sweep_table
from so101_driver.tools.command import Command, without_ros
from so101_driver.tools.installation import PATIENCE_S, install, pending_path, reinstall, unchanged
from so101_driver.tools.sweep import JointSweep, joint_calibration, too_short
from so101_driver.tools.terminal import Terminal

_SWEEP_PERIOD_S = 0.02
_READ_RETRIES = 5
_LONGEST_SILENCE = 3  # sweeps in which one joint's answer stayed out, each asked six times


class Calibrating:
    """The dialogue of one calibration.

    Args:
        command: Told what state the arm is in.
        terminal: Asked and told.
        bus: Open.
        path: The calibration file.
    """

    def __init__(self, command: Command, terminal: Terminal, bus: ServoBus, path: Path) -> None:
        self._command = command
        self._terminal = terminal
        self._bus = bus
        self._path = path
        self._saved = self._load(path)
        self._unfinished = self._load(pending_path(path))
        known = self._saved or self._unfinished
        self._ids = known.ids if known else {joint: n for n, joint in enumerate(JOINTS, 1)}

    def run(self) -> None:
        """Ask, sweep, write.

        Raises:
            DriverError: with cause and cure.
        """
        images = self._meet()
        choice = self._ask_what_to_do()
        self._release(images)
        if choice == 'write' and self._saved:
            reinstall(self._command, self._bus, self._saved, self._path)
            self._report(self._saved)
            return
        result = self._unfinished
        if choice == 'calibrate' or not result:
            offsets = self._prepare(images)
            result = self._sweep(offsets)
            self._refuse_moved_frames(offsets)
        install(self._command, self._bus, result, self._path)
        self._report(result)

    def _load(self, path: Path) -> Calibration | None:
        if not path.exists():
            return None
        try:
            return files.load(path)
        except CalibrationError as error:
            self._terminal.say(f'{error}\n{path} cannot be used and will be replaced')
            return None

    def _meet(self) -> Mapping[str, Image]:
        images, warnings = arm_setup.inspect(self._bus, _any_turn(self._ids), PATIENCE_S)
        for warning in warnings:
            self._terminal.say(f'warning: {warning}')
        return images

    def _ask_what_to_do(self) -> str:
        choices = {'c': 'calibrate'}
        if self._unfinished:
            self._terminal.say(f'{pending_path(self._path)}: a calibration that was not finished')
            choices[''] = 'finish'
            if self._saved:
                choices['f'] = 'write'
        elif self._saved:
            self._terminal.say(f'{self._path}: the calibration of this arm')
            choices[''] = 'write'
        else:
            return 'calibrate'
        texts = {
            'finish': 'write it into the servos and finish it',
            'write': f'write the values of {self._path.name} into the servos',
            'calibrate': 'calibrate anew',
        }
        question = '; '.join(f'{key or "ENTER"} = {texts[choices[key]]}' for key in sorted(choices))
        return choices[self._terminal.choose(f'{question}:', tuple(choices))]

    def _release(self, images: Mapping[str, Image]) -> None:
        powered = [joint for joint, image in images.items() if image[Register.TORQUE_ENABLE]]
        if powered:
            self._terminal.say(f'powered: {", ".join(powered)}')
            self._terminal.ask('hold the arm, it goes limp; press ENTER:')
        blank = _any_turn(self._ids)
        ArmPower(self._bus, blank, JointMemory(), RangeWatch(blank, 0.0)).off()
        self._command.situation = f'the arm is limp; {unchanged(self._path)}'

    def _prepare(self, images: Mapping[str, Image]) -> dict[str, int]:
        """Give the servos the mode in which positions mean angles; return their homing offsets."""
        with self._command.finishing(self._command.situation):
            for joint, image in images.items():
                values = {
                    Register.OPERATING_MODE: 0,
                    Register.PHASE: image[Register.PHASE] & ~PHASE_MULTI_TURN,
                }
                arm_setup.store(self._bus, self._ids[joint], joint, values, image)
        return {joint: image[Register.HOMING_OFFSET] for joint, image in images.items()}

    def _sweep(self, offsets: Mapping[str, int]) -> Calibration:
        self._terminal.ask('bring every joint to the middle of its range and press ENTER:')
        encoder = self._encoder_ticks(offsets)
        if silent := [joint for joint in JOINTS if joint not in encoder]:
            raise _silent(silent)
        sweeps = {joint: JointSweep(joint, encoder[joint]) for joint in JOINTS}
        silences = dict.fromkeys(JOINTS, 0)

        def step() -> list[str]:
            encoder = self._encoder_ticks(offsets)
            for joint, sweep in sweeps.items():
                silences[joint] = 0 if joint in encoder else silences[joint] + 1
                if joint in encoder:
                    sweep.see(encoder[joint])
            if silent := [joint for joint, n in silences.items() if n >= _LONGEST_SILENCE]:
                raise _silent(silent)
            return sweep_table(sweeps)

        while True:
            self._terminal.say('move every joint to both of its ends; press ENTER when done')
            self._terminal.watch(step, _SWEEP_PERIOD_S)
            short = [joint for joint, sweep in sweeps.items() if too_short(sweep)]
            if not short:
                break
            self._terminal.say(f'hardly moved: {", ".join(short)}; go on with them')
        entries = {j: joint_calibration(self._ids[j], sweeps[j]) for j in JOINTS}
        return Calibration(entries, str(self._path))

    def _encoder_ticks(self, offsets: Mapping[str, int]) -> dict[str, int]:
        """Return the bare encoder's position of the joints that answer (ticks)."""
        register = Register.PRESENT_POSITION
        found = self._bus.sync_read([*self._ids.values()], register, register.size, _READ_RETRIES)
        return {
            joint: decode(register, found.replies[servo_id].data) + offsets[joint]
            for joint, servo_id in self._ids.items()
            if servo_id in found.replies
        }

    def _refuse_moved_frames(self, offsets: Mapping[str, int]) -> None:
        """Refuse when a servo that restarted has fallen back to another homing offset."""
        images = self._meet()
        if changed := [j for j in JOINTS if images[j][Register.HOMING_OFFSET] != offsets[j]]:
            raise ServoError(
                f'{", ".join(changed)}: the homing offset changed while the joints were moved; '
                'the supply failed for a moment: check its plug, then calibrate again'
            )

    def _report(self, calibration: Calibration) -> None:
        for line in (*result_table(calibration), f'done: {self._command.situation}'):
            self._terminal.say(line)


def _any_turn(ids: Mapping[str, int]) -> Calibration:
    """Return what is known of an arm before its calibration: who its servos are."""
    return Calibration(
        {j: JointCalibration(i, 0, 0, 0, files.MAX_TICK) for j, i in ids.items()}, 'the arm'
    )


def _silent(joints: list[str]) -> ServoError:
    return ServoError(
        f'no answer from {", ".join(joints)}: check power and the 3-pin cable that leads to '
        f'{joints[0]}, then calibrate again'
    )


def _refuse_place(path: Path) -> None:
    """Refuse, before anybody moves a joint, a place where no file can be written.

    Raises:
        CalibrationError: with the reason.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise CalibrationError(f'{path}: cannot be written; name another one with --file')


def main(args: list[str] | None = None) -> int:
    """Calibrate an arm; return the exit code."""
    parser = argparse.ArgumentParser(
        prog='calibrate',
        description="Calibrate an arm as LeRobot does: into its servos and LeRobot's file.",
    )
    parser.add_argument('--role', required=True, choices=(arm_setup.FOLLOWER, arm_setup.LEADER))
    parser.add_argument('--id', required=True, help='name of the arm, and of its file')
    parser.add_argument('--port', required=True, help='serial port, see find_port')
    parser.add_argument('--model', default=files.SO101, choices=files.MODELS)
    parser.add_argument('--file', type=Path, help="the calibration file (default: LeRobot's place)")
    options = parser.parse_args(without_ros(args))
    path = options.file or files.default_path(options.role, options.id, options.model)
    path = path.expanduser().absolute()
    command = Command(unchanged(path))
    bus = ServoBus(options.port)

    def body() -> int:
        _refuse_place(path)
        bus.open()
        try:
            Calibrating(command, Terminal(), bus, path).run()
        finally:
            bus.close()
        return 0

    return command.run(body)


if __name__ == '__main__':
    sys.exit(main())
