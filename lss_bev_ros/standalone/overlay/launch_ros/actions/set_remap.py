"""Remappings of all nodes that follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import perform_text

if TYPE_CHECKING:
    from launch import LaunchContext


class SetRemap(Action):
    """Remap a name for all nodes that follow, until the scoped group ends."""

    def __init__(self, src: SomeSubstitutionsType, dst: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.src, self.dst = src, dst

    def execute(self, context: LaunchContext) -> None:
        """Remap it."""
        before = context.launch_configurations.get("ros_remaps", [])
        rule = (perform_text(context, self.src), perform_text(context, self.dst))
        context.launch_configurations["ros_remaps"] = [*before, rule]
