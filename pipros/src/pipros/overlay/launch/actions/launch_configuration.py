"""Launch configurations: the values of launch arguments, and other text by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import perform_text

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class SetLaunchConfiguration(Action):
    """Set one."""

    def __init__(self, name: SomeSubstitutionsType, value: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name, self.value = name, value

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        context.launch_configurations[perform_text(context, self.name)] = perform_text(context, self.value)


class PushLaunchConfigurations(Action):
    """Keep all, to be brought back."""

    def execute(self, context: LaunchContext) -> None:
        """Keep them."""
        context._push_launch_configurations()


class PopLaunchConfigurations(Action):
    """Bring back what was kept last."""

    def execute(self, context: LaunchContext) -> None:
        """Bring them back."""
        context._pop_launch_configurations()
