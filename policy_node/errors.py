"""Errors of the policy node; `PolicyError` is their root."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recorder_node.errors import RecorderError


class PolicyError(RecorderError):
    """Anything the policy node refuses or cannot do."""


class CheckpointError(PolicyError):
    """A checkpoint with one or more things wrong, all of them listed in `problems`.

    Args:
        source: the file or folder that is meant.
        problems: what is wrong, each with its cure where there is one.
    """

    def __init__(self, source: Path | str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        separator = ' ' if len(problems) == 1 else '\n  '
        super().__init__(f'{source}:{separator}' + '\n  '.join(problems))


class UnsupportedPolicyError(PolicyError):
    """A checkpoint that may be sound but cannot be run here; the words say what would help."""


class InferenceError(PolicyError):
    """A network that raised, or gave values that are no actions."""
