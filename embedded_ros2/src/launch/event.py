"""Base of events."""

from __future__ import annotations


class Event:
    """Something that happened while launching."""

    name = 'launch.Event'
