"""How long the network takes and how often the arm waited for it."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass
class LatencyLog:
    """Counts of one episode, or of a session.

    Attributes:
        seconds: duration of each inference.
        actions: actions sent.
        waited: ticks until the first action of an episode.
        held: ticks without an action after that, because the network was not ready.
    """

    seconds: list[float] = dataclasses.field(default_factory=list)
    actions: int = 0
    waited: int = 0
    held: int = 0

    def note_tick_without_action(self) -> None:
        """Count a tick in which the arm stands still."""
        if self.actions:
            self.held += 1
        else:
            self.waited += 1

    def add(self, other: LatencyLog) -> None:
        """Take over the counts of an episode."""
        self.seconds += other.seconds
        self.actions += other.actions
        self.waited += other.waited
        self.held += other.held

    def values(self) -> dict[str, object]:
        """Return the figures for /diagnostics and the summary; empty without an inference."""
        result: dict[str, object] = {
            'actions': self.actions,
            'waited_ticks': self.waited,
            'held_ticks': self.held,
        }
        if self.seconds:
            times_ms = np.array(self.seconds) * 1e3
            result |= {
                'inferences': len(times_ms),
                'inference_ms_median': round(float(np.median(times_ms)), 1),
                'inference_ms_p99': round(float(np.quantile(times_ms, 0.99)), 1),
                'inference_ms_max': round(float(times_ms.max()), 1),
            }
        return result

    def describe(self) -> str:
        """Return one line."""
        values = self.values()
        text = f'{self.actions} actions, {self.waited} ticks before the first, {self.held} held'
        if 'inferences' in values:
            text += (
                f', {values["inferences"]} inferences of {values["inference_ms_median"]} ms '
                f'(p99 {values["inference_ms_p99"]}, max {values["inference_ms_max"]})'
            )
        return text
