"""Base of all substitutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class Substitution:
    """Text that is known only when the launch runs."""

    def perform(self, context: LaunchContext) -> str:
        """Return the text."""
        raise NotImplementedError(f"{type(self).__name__}.perform")

    def describe(self) -> str:
        """Return how it reads in a listing of arguments."""
        return f"{type(self).__name__}()"
