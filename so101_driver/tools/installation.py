"""A calibration on its way into an arm: both the servos and the file, or a way to finish.

Six servos cannot be written in one step. So the intended values lie beside the calibration file
until every servo has them; whatever cuts the writing, the next call finds them there. The file
itself is replaced last, whole. Signals wait until the writing is over.
"""

from __future__ import annotations

from pathlib import Path

from so101_driver.arm import arm_setup
from so101_driver.arm import calibration as files
from so101_driver.arm.calibration import Calibration
from so101_driver.bus.bus import ServoBus
from so101_driver.common.errors import ServoError
from so101_driver.tools.command import Command

PATIENCE_S = 1.0
"""How long silent servos are asked again."""


def pending_path(path: Path) -> Path:
    """Return where the values lie while they are written."""
    return path.with_name(f'{path.name}.pending')


def unchanged(path: Path) -> str:
    """Return in words that nothing has been written yet."""
    waiting = pending_path(path)
    also = f'; {waiting} still waits to be finished' if waiting.exists() else ''
    return f'the calibration in the servos and {path} are as before{also}'


def install(command: Command, bus: ServoBus, calibration: Calibration, path: Path) -> None:
    """Bring a calibration into the servos, then into the file.

    Raises:
        ServoError: when a servo does not take a value; the file is as it was, the values wait.
        LinkError: when the port is gone; the same.
        OSError: when a file cannot be written.
    """
    pending = pending_path(path)
    with command.finishing(command.situation):
        files.save(calibration, pending)
        command.situation = (
            f'{path} is as before, but the servos may hold a part of the new values, which are in '
            f'{pending}: run calibrate again, it offers to finish'
        )
        _write_servos(bus, calibration)
        files.rename(pending, path)
        command.situation = f'{path} and the servos are calibrated'


def reinstall(command: Command, bus: ServoBus, calibration: Calibration, path: Path) -> None:
    """Bring the calibration of a file into the servos; one that was not finished is forgotten.

    Raises:
        ServoError: when a servo does not take a value.
        LinkError: when the port is gone.
    """
    with command.finishing(
        f'the servos may hold only a part of {path}: run calibrate again, it offers to finish'
    ):
        _write_servos(bus, calibration)
        pending_path(path).unlink(missing_ok=True)
        command.situation = f'the servos hold {path}'


def _write_servos(bus: ServoBus, calibration: Calibration) -> None:
    """Write what differs, unlocked and with the torque off, and read everything back."""
    images, _ = arm_setup.inspect(bus, calibration, PATIENCE_S)
    arm_setup.write_calibration(bus, calibration, images)
    images, _ = arm_setup.inspect(bus, calibration, PATIENCE_S)
    if mismatches := arm_setup.calibration_mismatches(images, calibration):
        raise ServoError('\n'.join(str(mismatch) for mismatch in mismatches))
