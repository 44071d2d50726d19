"""Depth as LeRobot 0.6 stores it: 12-bit codes in a video, millimetres or metres in image files.

A pixel without a measurement (0, not a number, infinite) is code 0, and 0 in an image file. In a
video LeRobot reads code 0 as `min_m`; a pixel that was measured has at least code 1.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MM_PER_M = 1000.0
LARGEST_CODE = 4095
# REP 118: 16-bit depth is in millimetres, float depth in metres.
ENCODINGS = {'mm': '16UC1', 'm': '32FC1'}
DTYPES: dict[str, np.dtype[Any]] = {'mm': np.dtype('<u2'), 'm': np.dtype('<f4')}


@dataclasses.dataclass(frozen=True)
class DepthCoding:
    """What a depth camera sends (`unit`: `mm` or `m`) and how its metres become codes.

    The code is linear in the depth, or with `log` in ln(depth + shift): finer nearby.
    """

    unit: str = 'mm'
    min_m: float = 0.01
    max_m: float = 10.0
    shift_m: float = 3.5
    log: bool = True

    def info(self, as_video: bool) -> dict[str, Any]:
        """Return what LeRobot keeps in the feature's `info`."""
        kept: dict[str, Any] = {'is_depth_map': True, 'depth_unit': self.unit}
        if as_video:
            kept |= {
                'video.depth_min': self.min_m,
                'video.depth_max': self.max_m,
                'video.shift': self.shift_m,
                'video.use_log': self.log,
            }
        return kept

    @classmethod
    def from_info(cls, info: Mapping[str, Any] | None) -> DepthCoding | None:
        """Return the coding that `info` describes; None for pictures in colour."""
        if not info or not info.get('is_depth_map'):
            return None
        if 'video.depth_min' not in info:
            return cls(info['depth_unit'])
        return cls(
            info['depth_unit'],
            info['video.depth_min'],
            info['video.depth_max'],
            info['video.shift'],
            info['video.use_log'],
        )

    def measured(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Return depth in the unit, 0 where nothing was measured."""
        if self.unit == 'mm':
            return raw
        return np.where(np.isfinite(raw) & (raw > 0), raw, np.float32(0))

    def codes(self, depth: NDArray[Any]) -> NDArray[np.uint16]:
        """Return the 12-bit codes of measured depth, same shape."""
        if self.unit == 'mm':
            return np.asarray(_table(self)[depth])
        return self._coded(depth)

    def depths(self, codes: NDArray[np.uint16]) -> NDArray[Any]:
        """Return the depth in the unit that codes stand for, 0 where nothing was measured."""
        share = np.arange(LARGEST_CODE + 1) / LARGEST_CODE
        if self.log:
            low, high = math.log(self.min_m + self.shift_m), math.log(self.max_m + self.shift_m)
            levels = np.exp(low + share * (high - low)) - self.shift_m
        else:
            levels = self.min_m + share * (self.max_m - self.min_m)
        levels[0] = 0.0
        if self.unit == 'mm':
            levels = np.rint(levels * MM_PER_M)
        return np.asarray(levels.astype(DTYPES[self.unit])[codes])

    def _coded(self, depth_m: NDArray[Any]) -> NDArray[np.uint16]:
        if self.log:
            low, high = math.log(self.min_m + self.shift_m), math.log(self.max_m + self.shift_m)
            share = (np.log(depth_m + np.float32(self.shift_m)) - low) / (high - low)
        else:
            share = (depth_m - self.min_m) / (self.max_m - self.min_m)
        codes = np.rint(share * LARGEST_CODE).clip(1, LARGEST_CODE)
        return np.where(depth_m > 0, codes, 0).astype(np.uint16)


@functools.cache
def _table(coding: DepthCoding) -> NDArray[np.uint16]:
    """Return the code of every 16-bit depth."""
    return coding._coded(np.arange(2**16) / MM_PER_M)
