"""Environment variables, for this process and the children that start afterwards."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..some_substitutions_type import SomeSubstitutionsType
from ..utilities import perform_boolean, perform_text

if TYPE_CHECKING:
    from ..launch_context import LaunchContext


class SetEnvironmentVariable(Action):
    """Set a variable."""

    def __init__(self, name: SomeSubstitutionsType, value: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name, self.value = name, value

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        context.environment[perform_text(context, self.name)] = perform_text(context, self.value)


class UnsetEnvironmentVariable(Action):
    """Take a variable away, where it is set."""

    def __init__(self, name: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name

    def execute(self, context: LaunchContext) -> None:
        """Take it away."""
        context.environment.pop(perform_text(context, self.name), None)


class AppendEnvironmentVariable(Action):
    """Put text behind, or before, the value of a variable, with a separator where it had one."""

    def __init__(
        self,
        name: SomeSubstitutionsType,
        value: SomeSubstitutionsType,
        prepend: bool | SomeSubstitutionsType = False,
        separator: SomeSubstitutionsType = os.pathsep,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name, self.value, self.prepend, self.separator = name, value, prepend, separator

    def execute(self, context: LaunchContext) -> None:
        """Extend it."""
        name, value = perform_text(context, self.name), perform_text(context, self.value)
        if context.environment.get(name):
            parts = [context.environment[name], value]
            if perform_boolean(context, self.prepend):
                parts.reverse()
            value = perform_text(context, self.separator).join(parts)
        context.environment[name] = value
