"""Parameters of all nodes that follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.some_substitutions_type import SomeSubstitutionsType
from launch_ros.parameters import evaluate_dict

if TYPE_CHECKING:
    from launch import LaunchContext


class SetParameter(Action):
    """Give all nodes that follow a parameter, until the scoped group ends; a node's own come after it."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name, self.value = name, value

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        before = context.launch_configurations.get("global_params", [])
        added = evaluate_dict(context, {self.name: self.value}).items()
        context.launch_configurations["global_params"] = [*before, *added]
