"""An arm's state as diagnostic_msgs: one status for the arm, one for each joint."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from so101_driver.arm.arm import So101Arm
from so101_driver.arm.control import ArmThread
from so101_driver.arm.joint_faults import TRIPPED, fault_text
from so101_driver.arm.joints import JOINTS
from so101_driver.arm.telemetry import Level
from so101_driver.bus.bus import ServoCounters
from so101_driver.bus.registers import fault_names

_SUMMED = ('retries', 'timeouts', 'checksum_errors', 'failures')
_LEVELS = {
    Level.OK: DiagnosticStatus.OK,
    Level.WARN: DiagnosticStatus.WARN,
    Level.ERROR: DiagnosticStatus.ERROR,
}


def arm_statuses(
    name: str, thread: ArmThread, text: str, details: Mapping[str, object]
) -> list[DiagnosticStatus]:
    """Return the arm's status and those of its joints.

    Args:
        name: The node's name, which begins each status' name.
        thread: The thread that owns the arm; only values that it replaces whole are read.
        text: What the arm does now.
        details: More key/value pairs for the arm.
    """
    arm = thread.arm
    joints = [_joint_status(name, arm, index) for index in range(len(JOINTS))]
    level = Level.ERROR if thread.problem else Level(max(_rank(joint) for joint in joints))
    complaints = [joint.message for joint in joints if _rank(joint)]
    counters = list(arm.bus.counters.values())
    values: dict[str, object] = {
        'state': arm.state.value,
        'alarms': len(complaints),
        'cycles': thread.cycles,
        'bad_cycles': thread.bad_cycles,
        'skipped_cycles': thread.grid.skipped,
        'longest_cycle_ms': round(thread.longest_cycle_s * 1e3, 2),
        'scheduling': thread.scheduling,
        'reconnects': thread.reconnects,
        'damaged_bytes': arm.bus.damaged_bytes,
        **{key: sum(getattr(counter, key) for counter in counters) for key in _SUMMED},
        **details,
    }
    message = '; '.join([thread.problem or text, *complaints])
    return [_status(f'{name}: arm', arm, level, message, values), *joints]


def _joint_status(name: str, arm: So101Arm, index: int) -> DiagnosticStatus:
    joint = JOINTS[index]
    error = int(arm.memory.errors[index])
    findings = [f for f in arm.findings if f.text.startswith(f'{joint}:')]
    texts = [finding.text for finding in findings]
    level = max((finding.level for finding in findings), default=Level.OK)
    if error:
        texts.insert(0, fault_text(joint, error))
        level = max(level, Level.ERROR if error & TRIPPED else Level.WARN)
    if arm.range.is_out[index]:
        texts.append(f'{joint}: is outside its calibrated range')
        level = max(level, Level.WARN)
    values: dict[str, object] = {
        'faults': ', '.join(fault_names(error)) or 'none',
        'out_of_range_rad': round(float(arm.range.beyond_rad[index]), 4),
    }
    telemetry = arm.memory.telemetry[index]
    if telemetry is not None:
        values |= {key: round(value, 4) for key, value in telemetry._asdict().items()}
    servo_id = arm.calibration[joint].id
    counters = arm.bus.counters.get(servo_id, ServoCounters())
    values |= {key: value for key, value in vars(counters).items() if key != 'error'}
    message = '; '.join(texts) or 'ok'
    return _status(f'{name}: {joint}', arm, level, message, values, f'#{servo_id}')


def _status(
    name: str,
    arm: So101Arm,
    level: Level,
    message: str,
    values: Mapping[str, object],
    part: str = '',
) -> DiagnosticStatus:
    status = DiagnosticStatus()
    status.name = name
    status.hardware_id = f'{arm.bus.port.port_name}{part}'
    status.level = _LEVELS[level]
    status.message = message
    status.values = [KeyValue(key=key, value=_text(value)) for key, value in values.items()]
    return status


def _text(value: object) -> str:
    return f'{value:g}' if isinstance(value, (float, np.floating)) else str(value)


def _rank(status: DiagnosticStatus) -> int:
    """Return a status' level as a number; the message holds it as a byte."""
    return next(int(level) for level, raw in _LEVELS.items() if raw == status.level)
