"""The sampler's thread: builds the rows of all takes when they are due, and sees the clock step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from recorder_node.episode.recording import Recording, TakeError
from recorder_node.streams.buffer import StreamBuffer
from recorder_node.streams.clock_watch import Clock, ClockWatch, Now
from recorder_node.streams.messages import NS

_IDLE_WAIT_S = 0.1
# Simulated time may pass faster than the steady time that is waited for.
_SIMULATED_WAIT_S = 0.005
_SHORTEST_WAIT_S = 0.001


class RowBuilder:
    """Builds rows in a thread of its own, until it is closed.

    Args:
        buffers: the streams; what no row to come needs is released.
        clock: ROS and steady time.
        on_cut: called from the thread with a take that ended before its time, and why.
    """

    def __init__(
        self,
        buffers: Mapping[str, StreamBuffer],
        clock: Clock,
        on_cut: Callable[[Recording, str], None],
    ) -> None:
        self._buffers = buffers
        self._clock = clock
        self._on_cut = on_cut
        self._watch = ClockWatch(clock)
        self._lock = threading.Lock()
        self._building: list[Recording] = []
        self._opening_ns: int | None = None
        self._steps: list[Now] = []
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name='sampler', daemon=True)
        self._thread.start()

    @property
    def paused(self) -> bool:
        """Whether simulated time stands still."""
        return self._watch.paused

    @contextmanager
    def opening(self) -> Iterator[tuple[int, int]]:
        """Yield the time of a take's first row, and how often the clock has stepped until then.

        Meanwhile the streams keep what that row needs; the take is to be added.
        """
        with self._lock:
            t0_ns = self._opening_ns = self._clock.now_ns()
            epoch = len(self._steps)
        try:
            yield t0_ns, epoch
        finally:
            self._opening_ns = None
            self.wake()

    def add(self, recording: Recording) -> None:
        """Build a take's rows from now on."""
        with self._lock:
            self._building.append(recording)

    def end(self, recording: Recording) -> None:
        """Let the row of now be a take's last."""
        with self._lock:
            recording.end_at(self._clock.now_ns(), self._clock.steady_ns())
        self.wake()

    def wake(self) -> None:
        """Look at once what is due."""
        self._wake.set()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self.wake()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            wait_s = self._build_all()
            self._wake.wait(wait_s)
            self._wake.clear()

    def _build_all(self) -> float:
        """Build all due rows of all takes; return the seconds until the next one is due."""
        now = self._watch.look()
        if now is None:
            return 0.0
        due_ns = []
        cut = []
        with self._lock:
            if now.step_ns:
                self._steps.append(now)
                for buffer in self._buffers.values():
                    buffer.step(now.step_ns)
            for recording in list(self._building):
                try:
                    next_ns = self._build(recording, now)
                except TakeError as fault:
                    cut.append((recording, str(fault)))
                    next_ns = None
                if next_ns is None:
                    self._building.remove(recording)
                else:
                    due_ns.append(next_ns)
            self._release(now.ros_ns)
        for recording, reason in cut:
            self._on_cut(recording, reason)
        if not due_ns:
            return _IDLE_WAIT_S
        longest_s = _SIMULATED_WAIT_S if self._clock.simulated else _IDLE_WAIT_S
        return min(max((min(due_ns) - now.ros_ns) / NS, _SHORTEST_WAIT_S), longest_s)

    def _build(self, recording: Recording, now: Now) -> int | None:
        """Build the due rows of a take; one that began before the clock stepped has its last."""
        if recording.epoch < len(self._steps):
            recording.cut(self._steps[recording.epoch].reason)
            raise TakeError(recording.cut_reason)
        return recording.build_due(now.ros_ns, now.steady_ns)

    def _release(self, now_ns: int) -> None:
        """Let the streams forget what no row to come can use."""
        needed_ns = [recording.next_ns for recording in self._building]
        if self._opening_ns is not None:
            needed_ns.append(self._opening_ns)
        for buffer in self._buffers.values():
            buffer.release(min(needed_ns, default=now_ns))
