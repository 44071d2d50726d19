"""What becomes of a take that a fault has ended when nobody is there to decide."""

from __future__ import annotations

from recorder_node.session.machine import Event

WAIT, SAVE, DISCARD, FINISH = 'wait', 'save', 'discard', 'finish'
RULES = (WAIT, SAVE, DISCARD, FINISH)
_EVENTS = {SAVE: Event.SAVE, DISCARD: Event.DISCARD, FINISH: Event.FINISH}


class FaultRule:
    """The parameter `on_fault`, and when enough is enough.

    Args:
        rule: one of `RULES`.
        limit: so many takes in a row that faults have ended end the session.
    """

    def __init__(self, rule: str, limit: int) -> None:
        self._rule = rule
        self._limit = limit
        self._in_a_row = 0

    def note(self, is_fault: bool) -> None:
        """Count a take that a fault has ended; one that came to its end forgives the others."""
        self._in_a_row = self._in_a_row + 1 if is_fault else 0

    @property
    def waits(self) -> bool:
        """Whether the operator decides."""
        return self._rule == WAIT

    @property
    def gives_up(self) -> bool:
        """Whether the session ends with this take."""
        return self._rule == FINISH or (not self.waits and self._in_a_row >= self._limit)

    def events(self) -> tuple[Event, ...]:
        """Return what to tell the session, in this order."""
        events = (_EVENTS[self._rule],)
        return (*events, Event.FINISH) if self.gives_up and self._rule != FINISH else events
