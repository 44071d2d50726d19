"""One heap for all threads of the recorder.

glibc gives threads heaps of their own, and what was freed in one is of no use to the others. Every
take starts threads that need much for a while: several heaps cost 70 MiB with two AV1 cameras.
"""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8  # malloc.h


def use_one_heap() -> None:
    """Let threads that start from now on share the first heap, where the C library is glibc."""
    if sys.platform == 'linux':
        mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)
