"""What a camera was asked for and what it gives."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2

_RATE_TOLERANCE = 0.05


class Mode(NamedTuple):
    """Size (px), rate (Hz; 0 = unknown) and pixel format (four letters; '' = any, or unknown)."""

    width: int
    height: int
    fps: float
    fourcc: str

    def __str__(self) -> str:
        rate = f'{self.fps:g} fps' if self.fps > 0 else 'unknown rate'
        return ' '.join(part for part in (f'{self.width}x{self.height}', rate, self.fourcc) if part)

    def is_met_by(self, got: Mode) -> bool:
        """Tell whether a camera gives what was asked for, as far as both are known."""
        rate_fits = (
            got.fps <= 0 or not self.fps or abs(got.fps - self.fps) <= _RATE_TOLERANCE * self.fps
        )
        format_fits = not self.fourcc or not got.fourcc or self.fourcc == got.fourcc
        return (self.width, self.height) == (got.width, got.height) and rate_fits and format_fits


def ask(capture: Any, mode: Mode) -> None:
    """Ask an OpenCV capture for a mode; the format first, because sizes depend on it."""
    if mode.fourcc:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*mode.fourcc))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, mode.width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, mode.height)
    capture.set(cv2.CAP_PROP_FPS, mode.fps)


def given(capture: Any) -> Mode:
    """Return the mode that an OpenCV capture is in."""
    return Mode(
        int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        max(float(capture.get(cv2.CAP_PROP_FPS)), 0.0),
        fourcc_text(int(capture.get(cv2.CAP_PROP_FOURCC))),
    )


def fourcc_text(code: int) -> str:
    """Return the four letters of a pixel format's number; '' when it has none."""
    letters = (code & 0xFFFFFFFF).to_bytes(4, 'little')
    return letters.decode('ascii') if all(32 <= letter < 127 for letter in letters) else ''
