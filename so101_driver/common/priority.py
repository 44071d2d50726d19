"""More right to the processor for the thread that drives an arm, where the system permits it.

On a busy machine an ordinary thread gets its processor tens of milliseconds late, and a control
cycle with it. Niceness, not a real-time policy: such a thread would push aside the one that holds
the interpreter's lock, and then wait for it (seen as longer cycles on two busy cores).
"""

from __future__ import annotations

import os
import sys

CONTROL_NICENESS = -15


def favour_thread(niceness: int) -> str:
    """Give the calling thread a niceness of its own, -20 (most favoured) to 0 (changes nothing).

    Returns:
        How the thread is scheduled now, for diagnostics.
    """
    if niceness == 0:
        return 'normal'
    if sys.platform != 'linux':
        return f'normal (on {sys.platform} threads have no niceness)'
    try:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    except OSError as error:
        return f'normal (niceness {niceness} refused: {error.strerror})'
    return f'niceness {niceness}'
