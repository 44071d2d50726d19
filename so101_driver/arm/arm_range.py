"""Alarm when a joint leaves its calibrated range: then calibration and arm no longer agree.

A horn that slipped on its spline, a homing offset written by another tool or a calibration that
was swept too narrowly all show like this, and every recorded angle is wrong then.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from so101_driver.arm.calibration import Calibration
from so101_driver.arm.joints import JOINTS, FloatArray
from so101_driver.arm.units import RAD_PER_TICK


class RangeWatch:
    """Compares positions with the calibrated ranges.

    Args:
        calibration: The arm's calibration.
        margin_rad: How far outside a joint may be (backlash, soft stops); the alarm ends at half.
    """

    def __init__(self, calibration: Calibration, margin_rad: float) -> None:
        self._low = np.array([calibration[joint].range_min for joint in JOINTS], dtype=np.float64)
        self._high = np.array([calibration[joint].range_max for joint in JOINTS], dtype=np.float64)
        self._margin = margin_rad / RAD_PER_TICK
        self.is_out: NDArray[np.bool_] = np.zeros(len(JOINTS), dtype=bool)
        """Which joints are in alarm."""
        self.beyond_rad: FloatArray = np.zeros(len(JOINTS))
        """How far outside its range each joint is (encoder angle); 0 inside."""

    def check(self, ticks: FloatArray) -> tuple[str, ...]:
        """Return one sentence for each joint that is outside."""
        beyond = np.maximum(np.maximum(self._low - ticks, ticks - self._high), 0.0)
        self.beyond_rad = beyond * RAD_PER_TICK
        self.is_out = beyond > np.where(self.is_out, self._margin / 2, self._margin)
        if not self.is_out.any():
            return ()
        return tuple(
            f'{joint}: is outside its calibrated range; its angles are wrong: look for a slipped '
            'horn, and calibrate the arm again'
            for joint, is_out in zip(JOINTS, self.is_out, strict=True)
            if is_out
        )
