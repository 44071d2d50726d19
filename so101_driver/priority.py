"""Real-time scheduling of the thread that drives an arm, where the system permits it.

On a busy machine an ordinary thread gets its processor tens of milliseconds late, and a control
cycle with it. As `ros2_control` does, the thread asks for the policy FIFO, below the kernel's own
threads (50), and goes on without when that is refused.
"""

from __future__ import annotations

import os
import sys

REALTIME_PRIORITY = 40


def make_realtime(priority: int) -> str:
    """Make the calling thread real-time, but none of those that it starts.

    Args:
        priority: Of the policy FIFO, 1..99; 0 changes nothing.

    Returns:
        How the thread is scheduled now, for diagnostics.
    """
    if priority == 0:
        return 'normal'
    if sys.platform != 'linux':
        return f'normal ({sys.platform} has no such policy)'
    try:
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except OSError as error:
        return f'normal (real-time refused: {error.strerror})'
    return f'real-time {priority}'
