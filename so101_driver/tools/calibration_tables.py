"""What a user sees of a sweep and of its result."""

from __future__ import annotations

from collections.abc import Mapping

from so101_driver.arm.calibration import MAX_TICK, Calibration
from so101_driver.tools.sweep import CENTRE_TICKS, DEGREES_PER_TICK, JointSweep, doubt


def sweep_table(sweeps: Mapping[str, JointSweep]) -> list[str]:
    """Return the table of a sweep, in ticks with the pose held at first at 2047."""
    lines = [f'{"joint":14}{"min":>7}{"now":>7}{"max":>7}{"degrees":>9}']
    for joint, sweep in sweeps.items():
        shift = CENTRE_TICKS - sweep.held
        ticks = ''.join(f'{n + shift:7}' for n in (sweep.low, sweep.now, sweep.high))
        lines.append(f'{joint:14}{ticks}{sweep.width_ticks * DEGREES_PER_TICK:9.1f}')
    return lines


def result_table(calibration: Calibration) -> list[str]:
    """Return the table of a calibration, and a warning for each range that looks wrong."""
    lines = [f'{"joint":14}{"offset":>7}{"min":>7}{"max":>7}{"degrees":>9}']
    remarks = []
    for joint, entry in calibration.joints.items():
        ticks = f'{entry.homing_offset:7}{entry.range_min:7}{entry.range_max:7}'
        lines.append(f'{joint:14}{ticks}{entry.width_ticks * DEGREES_PER_TICK:9.1f}')
        if entry.width_ticks == MAX_TICK:
            remarks.append(f'{joint}: the whole turn; the pose held at first is its middle')
        elif odd := doubt(joint, entry.width_ticks):
            remarks.append(f'warning: {odd}')
    return lines + remarks
