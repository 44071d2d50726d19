"""Base of substitutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class Substitution:
    """A text that is known only while launching."""

    def describe(self) -> str:
        """Return a description."""
        return repr(self)

    def perform(self, context: LaunchContext) -> str:
        """Return the text."""
        raise NotImplementedError(f'{type(self).__name__}.perform')
