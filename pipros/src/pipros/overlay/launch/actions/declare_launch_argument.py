"""Arguments of a launch file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class DeclareLaunchArgument(Action):
    """Declare an argument: afterwards the launch configuration of its name has a value.

    Raises (when visited):
        RuntimeError: No value and no default, or a value that is no choice.
    """

    def __init__(
        self,
        name: str,
        *,
        default_value: SomeSubstitutionsType | None = None,
        description: str | None = None,
        choices: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if choices is not None and not choices:
            raise RuntimeError(f'argument "{name}" has an empty list of choices; leave choices out instead')
        if choices is not None and isinstance(default_value, str) and default_value not in choices:
            raise RuntimeError(
                f'Provided default_value "{default_value}" is not in provided choices "{choices}".'
            )
        self.name = name
        self.default_value = (
            None if default_value is None else normalize_to_list_of_substitutions(default_value)
        )
        self.choices = choices
        self.description = _description(description, choices)
        self._conditionally_included = False

    def execute(self, context: LaunchContext) -> None:
        """Give the configuration its default where it has no value."""
        configurations = context.launch_configurations
        if self.name not in configurations:
            if self.default_value is None:
                raise RuntimeError(
                    f'Required launch argument "{self.name}" (description: "{self.description}") '
                    "was not provided."
                )
            configurations[self.name] = perform_substitutions(context, self.default_value)
        if self.choices is not None and configurations[self.name] not in self.choices:
            raise RuntimeError(
                f'Argument "{self.name}" provided value "{configurations[self.name]}" is not valid. '
                f"Valid options are: {self.choices}"
            )


def _description(description: str | None, choices: list[str] | None) -> str:
    if choices is None:
        return "no description given" if description is None else description
    if description is None:
        return f"One of: {choices}"
    return f"{description.rstrip('.')}. Valid choices are: {choices}"
