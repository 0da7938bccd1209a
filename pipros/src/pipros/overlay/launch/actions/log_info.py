"""Lines on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.logging import get_logger
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import perform_text

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class LogInfo(Action):
    """Log a line at level INFO."""

    def __init__(self, *, msg: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.msg = msg

    def execute(self, context: LaunchContext) -> None:
        """Log it."""
        get_logger("launch.user").info(perform_text(context, self.msg))
